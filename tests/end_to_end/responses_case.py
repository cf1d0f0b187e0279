"""What tests of the Responses API share."""

from known_models import OfKnownModels  # first: it begins again in the clients' environment

BEGINNING = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
END = ["response.output_text.done", "response.content_part.done", "response.output_item.done"]


def prompt(*messages):
    """What the template makes of (role, content) pairs."""
    return "".join(f"{role}: {content}\n" for role, content in messages) + "assistant: "


class ResponsesCase(OfKnownModels):
    def create(self, asked, model="counting", **members):
        return self.client.responses.create(model=model, input=asked, **{"max_output_tokens": 8, **members})

    def kept(self):
        return self.server.metric("responses_kept")

    def streamed(self, asked, **members):
        """The events of a stream, checked for what all streams have in common, and its last response."""
        events = list(self.create(asked, stream=True, **members))
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        types = [event.type for event in events]
        self.assertEqual(types[:4], BEGINNING)
        self.assertEqual(types[-4:-1], END)
        self.assertEqual(set(types[4:-4]), {"response.output_text.delta"})
        created, _, item, part, *deltas, text, part_done, item_done, last = events
        response = last.response
        self.assertEqual(last.type, f"response.{response.status}")
        for event in events[:2]:
            self.assertEqual((event.response.id, event.response.status, event.response.output, event.response.usage),
                             (response.id, "in_progress", [], None))
        self.assertEqual((item.item.id, item.item.status, item.item.content), (response.output[0].id, "in_progress", []))
        self.assertEqual((part.part.type, part.part.text), ("output_text", ""))
        self.assertEqual("".join(delta.delta for delta in deltas), response.output_text)
        self.assertEqual((text.text, part_done.part.text), (response.output_text, response.output_text))
        self.assertEqual(item_done.item, response.output[0])
        for event in (part, *deltas, text, part_done):
            self.assertEqual((event.item_id, event.output_index, event.content_index), (item.item.id, 0, 0))
        self.assertEqual(created.response.created_at, response.created_at)
        return events, response
