"""A server under test, and the environment with the clients that ask it."""

import os
import pathlib
import sys
import threading

PYTHON = os.environ.get("SIROCCO_TEST_CLIENTS")
if not PYTHON:
    sys.exit("SIROCCO_TEST_CLIENTS must name the Python of the environment that scripts/setup --tests makes")
_environment = pathlib.Path(PYTHON).absolute().parent.parent
if pathlib.Path(sys.prefix).resolve() != _environment.resolve():
    os.execv(PYTHON, [PYTHON, *sys.argv])

# pylint: disable=wrong-import-position
import anthropic
import httpx2
import openai
from prometheus_client.parser import text_string_to_metric_families

import schemas
from server_process import SECONDS, ServerProcess


class Server(ServerProcess):
    """The same with what asks it."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.violations = []  # of the schemas of what it answers
        self._clients = []
        self.http = httpx2.Client(base_url=self.url, timeout=SECONDS, transport=schemas.Checked(self.violations))

    def _made(self, library, kind, url, options):
        """A client of that kind, all of whose answers are checked."""
        if kind.__name__.startswith("Async"):  # whoever has it closes it
            http = library.DefaultAsyncHttpxClient(transport=schemas.AsyncChecked(self.violations))
        else:
            http = library.DefaultHttpxClient(transport=schemas.Checked(self.violations))
            self._clients.append(http)
        return kind(**{"base_url": url, "api_key": "none", "max_retries": 0, "timeout": SECONDS, "http_client": http, **options})

    def client(self, kind=openai.OpenAI, **options):
        """A client of OpenAI's."""
        return self._made(openai, kind, self.url + "/v1", options)

    def messages_client(self, kind=anthropic.Anthropic, **options):
        """A client of Anthropic's."""
        return self._made(anthropic, kind, self.url, options)

    def post(self, path, **members):
        """The status and the members of what is answered."""
        response = self.http.post(path, json=members)
        return response.status_code, response.json()

    def metrics(self):
        """All samples: {(name, labels): value}."""
        response = self.http.get("/metrics")
        response.raise_for_status()
        samples = {}
        for family in text_string_to_metric_families(response.text):
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in samples, f"{key} is told twice"
                samples[key] = sample.value
        return samples

    def metric(self, name, **labels):
        return self.metrics()[("sirocco_" + name, tuple(sorted(labels.items())))]

    def wait_for_metric(self, value, name, **labels):
        """Waits until it is so; each look takes the server a while."""
        for _ in range(10000):
            found = self.metric(name, **labels)
            if found == value:
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"{name} of {labels} is {found}; expected {value}")

    def close(self):
        for client in (self.http, *self._clients):
            client.close()
        super().close()
        if self.violations:
            raise AssertionError("answers aren't as their schemas say:\n" + "\n".join(self.violations[:20]))
