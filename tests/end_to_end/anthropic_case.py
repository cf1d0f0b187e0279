"""What tests of Anthropic's API share."""

from known_models import OfKnownModels, user  # first: it begins again in the clients' environment

import json


def assistant(text):
    return [{"role": "assistant", "content": text}]


def text_of(message):
    block, = message.content
    assert block.type == "text"
    return block.text


class AnthropicCase(OfKnownModels):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls.server.messages_client()

    def say(self, messages, model="counting", **members):
        return self.client.messages.create(model=model, messages=messages, **{"max_tokens": 8, **members})

    def text(self, messages, **members):
        return text_of(self.say(messages, **members))

    def raw_events(self, **members):
        """The events of a stream as they come over the wire: (name, data)."""
        body = {"model": "counting", "messages": user("Hello"), "max_tokens": 8, "stream": True, **members}
        with self.server.http.stream("POST", "/v1/messages", json=body) as response:
            self.assertEqual(response.status_code, 200)
            self.assertEqual(response.headers["content-type"], "text/event-stream")
            text = response.read().decode()
        self.assertTrue(text.endswith("\n\n"))
        events = []
        for event in text[:-2].split("\n\n"):
            name, data = event.split("\n")
            self.assertTrue(name.startswith("event: ") and data.startswith("data: "), event)
            events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
        return events

    def stream(self, messages, **members):
        """The text of a stream piece by piece, and the message that it makes."""
        with self.client.messages.stream(model=members.pop("model", "counting"), messages=messages,
                                         **{"max_tokens": 8, **members}) as stream:
            pieces = list(stream.text_stream)
            return pieces, stream.get_final_message()
