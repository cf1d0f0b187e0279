"""What servers under test answer, held against schemas of their APIs: schemas/*.json."""

import json
import pathlib
import re

import httpx2
import jsonschema
import referencing

FOLDER = pathlib.Path(__file__).parent / "schemas"
ID = "[^/]+"
# Method, path, the schema of an answer, and that of an event, whose type is put in.
SCHEMAS = [(method, re.compile(path), answer, event) for method, path, answer, event in (
    ("POST", "/v1/chat/completions", "chat.json#/$defs/body", "chat.json#/$defs/chunk"),
    ("POST", "/v1/completions", "completions.json#/$defs/body", "completions.json#/$defs/chunk"),
    ("POST", "/v1/audio/(?:transcriptions|translations)", "audio.json#/$defs/body", "audio.json#/$defs/{type}"),
    ("POST", "/v1/images/(?:generations|edits)", "images.json#/$defs/body", "images.json#/$defs/{type}"),
    ("POST", "/v1/embeddings", "embeddings.json#/$defs/body", None),
    ("POST", "/v1/messages", "messages.json#/$defs/body", "messages.json#/$defs/{type}"),
    ("POST", "/v1/messages/count_tokens", "messages.json#/$defs/count", None),
    ("GET", "/v1/models", "models.json#/$defs/list", None),
    ("GET", "/v1/models/.+", "models.json#/$defs/body", None),
    ("POST", "/v1/responses", "responses.json#/$defs/body", "responses.json#/$defs/{type}"),
    ("GET", f"/v1/responses/{ID}", "responses.json#/$defs/body", None),
    ("DELETE", f"/v1/responses/{ID}", "responses.json#/$defs/deleted", None),
    ("GET", f"/v1/responses/{ID}/input_items", "responses.json#/$defs/items", None))]
ERROR = "common.json#/$defs/error"
MESSAGES_ERROR = "messages.json#/$defs/error"

_registry = referencing.Registry()
for _path in sorted(FOLDER.glob("*.json")):
    _schema = json.loads(_path.read_text())
    jsonschema.Draft202012Validator.check_schema(_schema)
    _registry = _registry.with_resource(_path.name, referencing.Resource.from_contents(_schema))
_validators = {}


def mismatch(schema, value):
    """Why a value isn't as the schema of that name says; None if it is."""
    if schema not in _validators:
        _validators[schema] = jsonschema.Draft202012Validator({"$ref": schema}, registry=_registry)
    error = jsonschema.exceptions.best_match(_validators[schema].iter_errors(value))
    return error and f"{schema}: {error.json_path}: {error.message[:500]}"


class _Answer:
    """An answer as it comes in: whole, or event by event."""

    def __init__(self, request, response, violations):
        self._what = f"{request.method} {request.url.path} {response.status_code}"
        self._violations = violations
        self._bytes = b""
        self._done = False
        found = [(answer, event) for method, path, answer, event in SCHEMAS
                 if method == request.method and path.fullmatch(request.url.path)]
        self._answer, self._event = found[0] if found else (None, None)
        if "/audio/" in request.url.path and response.headers.get("content-type", "").startswith("text/"):
            self._answer = None  # it may be plain text or subtitles
        self._streams = response.headers.get("content-type") == "text/event-stream"
        if response.status_code >= 400 and request.url.path.startswith("/v1/"):
            self._answer = MESSAGES_ERROR if f"{request.url.path}/".startswith("/v1/messages/") else ERROR

    def _check(self, schema, text):
        try:
            value = json.loads(text)
            if schema is not None and "{type}" in schema:
                schema = schema.format(type=value["type"])
            problem = mismatch(schema, value) if schema is not None else "nothing is known of such events"
        except (ValueError, KeyError, referencing.exceptions.Unresolvable) as error:
            problem = f"{type(error).__name__} {error} in {text[:500]!r}"
        if problem:
            self._violations.append(f"{self._what}: {problem}")

    def _check_event(self, text):
        lines = text.split("\n")
        if all(line.startswith(":") for line in lines):
            return
        name = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        data = "\n".join(line.removeprefix("data: ") for line in lines if line.startswith("data: "))
        if self._done:
            self._violations.append(f"{self._what}: behind the end came {text[:500]!r}")
        elif data == "[DONE]" and not name:
            self._done = True
        elif data.startswith('{"error":') and not name:
            self._check(ERROR, data)
            self._done = True
        else:
            self._check(self._event, data)
            # Events with a type are called by it.
            if name != ([json.loads(data)["type"]] if self._event and "{type}" in self._event else []):
                self._violations.append(f"{self._what}: an event has the name {name}: {data[:200]}")

    def feed(self, data):
        self._bytes += data
        if not self._streams:
            return
        *events, self._bytes = self._bytes.split(b"\n\n")
        for event in events:
            self._check_event(event.decode())

    def end(self):
        if self._streams:
            if self._bytes:
                self._violations.append(f"{self._what}: it ends within an event: {self._bytes[:500]!r}")
        elif self._answer is not None:
            self._check(self._answer, self._bytes.decode())


class _Stream(httpx2.SyncByteStream):
    def __init__(self, inner, answer):
        self._inner, self._answer = inner, answer

    def __iter__(self):
        for data in self._inner:
            self._answer.feed(data)
            yield data
        self._answer.end()

    def close(self):
        self._inner.close()


class _AsyncStream(httpx2.AsyncByteStream):
    def __init__(self, inner, answer):
        self._inner, self._answer = inner, answer

    async def __aiter__(self):
        async for data in self._inner:
            self._answer.feed(data)
            yield data
        self._answer.end()

    async def aclose(self):
        await self._inner.aclose()


class Checked(httpx2.HTTPTransport):
    """A way to a server by which all that comes is checked. What is wrong is appended to `violations`."""

    def __init__(self, violations, **options):
        super().__init__(**options)
        self._violations = violations

    def handle_request(self, request):
        response = super().handle_request(request)
        response.stream = _Stream(response.stream, _Answer(request, response, self._violations))
        return response


class AsyncChecked(httpx2.AsyncHTTPTransport):
    def __init__(self, violations, **options):
        super().__init__(**options)
        self._violations = violations

    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        response.stream = _AsyncStream(response.stream, _Answer(request, response, self._violations))
        return response
