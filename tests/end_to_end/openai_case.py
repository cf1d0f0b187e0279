"""What tests of OpenAI's API share."""

from known_models import OfKnownModels, user  # first: it begins again in the clients' environment


class OpenAiCase(OfKnownModels):
    """What tests ask by OpenAI's API."""

    def chat(self, messages, model="counting", **members):
        return self.client.chat.completions.create(model=model, messages=messages, **{"max_tokens": 8, **members})

    def text(self, messages, **members):
        return self.chat(messages, **members).choices[0].message.content

    def roll(self, seed, count=40, **members):
        return self.text(user("abc"), model="dice", temperature=1, seed=seed, max_tokens=count,
                         extra_body={"ignore_eos": True}, **members)

    def pieces(self, messages, **members):
        """The chunks of a stream, checked for what all streams have in common."""
        chunks = list(self.chat(messages, stream=True, **members))
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)
        self.assertEqual({chunk.object for chunk in chunks}, {"chat.completion.chunk"})
        texts, ends = {}, {}
        for chunk in chunks:
            for choice in chunk.choices:
                self.assertNotIn(choice.index, ends)
                if choice.index not in texts:
                    self.assertEqual((choice.delta.role, choice.delta.content), ("assistant", ""))
                texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
                if choice.finish_reason:
                    ends[choice.index] = choice.finish_reason
        self.assertEqual(texts.keys(), ends.keys())
        return chunks, texts, ends
