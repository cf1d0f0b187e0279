"""A client of HTTP/1.1 for asyncio that does what a test says and nothing else: no retries, no pool, no manners."""

import asyncio
import json
import socket
import struct


class Torn(Exception):
    """The connection ended in the middle of an answer, or before it."""


def request_bytes(method, path, body=None, headers=()):
    """A request that is sound; a body that isn't bytes is sent as JSON."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Reply:
    def __init__(self, status, headers):
        self.status, self.headers, self.body = status, headers, b""

    def json(self):
        return json.loads(self.body)


class Connection:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.usable = True  # another request may be sent

    @classmethod
    async def open(cls, port):
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))

    async def send(self, data):
        """What the other side doesn't take any more is seen when its answer is read."""
        if self.writer.is_closing():
            return
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    def finish_sending(self):
        self.usable = False
        try:
            self.writer.write_eof()
        except OSError:
            pass

    def close(self):
        self.usable = False
        self.writer.close()

    def reset(self):
        self.usable = False
        try:
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.writer.transport.abort()

    async def _line(self):
        try:
            return (await self.reader.readuntil(b"\r\n"))[:-2]
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Torn(f"the connection ended: {error!r}") from error

    async def head(self):
        """Status and headers of the next answer that is no interim one."""
        while True:
            line = await self._line()
            version, status, *_ = line.split(b" ", 2)
            if version != b"HTTP/1.1" or not status.isdigit():
                raise AssertionError(f"this is no status line: {line[:100]}")
            headers = {}
            while line := await self._line():
                name, _, value = line.decode("latin-1").partition(": ")
                headers[name.lower()] = value
            if int(status) >= 200:
                self.usable &= headers.get("connection") != "close"
                return Reply(int(status), headers)

    async def pieces(self, reply):
        """The body as it comes."""
        try:
            if reply.headers.get("transfer-encoding") == "chunked":
                while size := int(await self._line(), 16):
                    yield await self.reader.readexactly(size)
                    await self._line()
                await self._line()
            elif reply.status not in (204, 304):
                if size := int(reply.headers["content-length"]):
                    yield await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Torn(f"the body of an answer with {reply.status} was cut off") from error

    async def reply(self):
        """A whole answer."""
        reply = await self.head()
        async for piece in self.pieces(reply):
            reply.body += piece
        return reply

    async def rest(self):
        """All bytes to the end of the connection."""
        parts = []
        try:
            while part := await self.reader.read(1 << 16):
                parts.append(part)
        except ConnectionError:
            pass
        return b"".join(parts)


async def ask(port, method, path, body=None, headers=()):
    """One request on a connection of its own."""
    connection = await Connection.open(port)
    try:
        await connection.send(request_bytes(method, path, body, headers))
        return await connection.reply()
    finally:
        connection.close()


async def events(pieces):
    """The data of server-sent events; comments aren't told."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n\n")
        for event in whole:
            lines = [line.removeprefix(b"data: ") for line in event.split(b"\n") if line.startswith(b"data: ")]
            if lines:
                yield b"\n".join(lines)
    if rest:
        raise AssertionError(f"a stream ends within an event: {rest[:100]}")
