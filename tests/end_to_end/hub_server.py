"""A hub on this machine, as far as `sirocco pull` uses one: repositories, pages of their lists of files, and large files on
another host. It misbehaves where a test asks it to."""

import hashlib
import http.server
import json
import re
import socket
import threading
import urllib.parse

LARGE = 4096  # files from this size on are on the other host, as those of Git LFS are


class Cut(Exception):
    """The connection is to end here."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # clients that go away are what is tested


def _serve(handle):
    """A server on a free port of loopback; `handle` gets each request."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            try:
                handle(self)
            except Cut:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_):
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def answer(request, status, body=b"", **headers):
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


class Repository:
    def __init__(self, files, revisions=("main",)):
        self.files = dict(files)
        self.revisions = revisions

    @property
    def commit(self):
        state = hashlib.sha1()
        for path, content in sorted(self.files.items()):
            state.update(path.encode() + b"\0" + content)
        return state.hexdigest()


class Hub:
    """`repositories` by name. What a test may set: `token`, which is then needed; `page`, files a page of a list; `large` and
    `small`, functions that get (request, repository, path, content) before a file is sent and may answer in its place (true),
    or raise Cut; `api`, the same for questions about repositories, as (request, path); `names`, entries of lists besides."""

    def __init__(self):
        self.repositories = {}
        self.token = None
        self.page = 1000
        self.large = self.small = self.api = None
        self.names = []
        self.ranges = True
        self.requests = []  # (of the hub or of the other host, path, headers)
        self.sent = 0       # bytes of large files
        self._lock = threading.Lock()
        self._hub = _serve(self._hub_request)
        self._other = _serve(self._other_request)
        self.address = f"http://127.0.0.1:{self._hub.server_port}"
        self.other_address = f"http://localhost:{self._other.server_port}"

    def close(self):
        for server in (self._hub, self._other):
            server.shutdown()
            server.server_close()

    def asked(self, server, part=""):
        with self._lock:
            return [(path, headers) for of, path, headers in self.requests if of == server and part in path]

    def _record(self, server, request):
        with self._lock:
            self.requests.append((server, request.path, dict(request.headers)))

    def _hub_request(self, request):
        self._record("hub", request)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return answer(request, 401, X_Error_Code="RepoNotFound")
        path = urllib.parse.urlsplit(request.path)
        if path.path.startswith("/api/"):
            if self.api and self.api(request, path.path):
                return None
            return self._api(request, path)
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)", path.path)
        repository = self.repositories.get(match and match[1])
        if not repository:
            return answer(request, 404, X_Error_Code="RepoNotFound")
        name = urllib.parse.unquote(match[3])
        content = repository.files.get(name)
        if content is None:
            return answer(request, 404, X_Error_Code="EntryNotFound")
        if len(content) >= LARGE:
            return answer(request, 302, Location=f"{self.other_address}/{match[1]}/{urllib.parse.quote(name)}")
        if self.small and self.small(request, repository, name, content):
            return None
        return answer(request, 200, content, ETag='"' + git_hash(content) + '"')

    def _api(self, request, path):
        match = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/([^/]+)", path.path)
        repository = self.repositories.get(match and match[1])
        if not repository:
            return answer(request, 404, X_Error_Code="RepoNotFound")
        if urllib.parse.unquote(match[3]) not in (*repository.revisions, repository.commit):
            return answer(request, 404, X_Error_Code="RevisionNotFound")
        if match[2] == "revision":
            return answer(request, 200, json.dumps({"id": match[1], "sha": repository.commit}).encode())
        entries = [entry(name, content) for name, content in sorted(repository.files.items())] + self.names
        query = dict(urllib.parse.parse_qsl(path.query))
        begin = int(query.pop("cursor", 0))
        end = begin + self.page
        headers = {}
        if end < len(entries):
            query["cursor"] = end
            headers["Link"] = f'<{self.address}{path.path}?{urllib.parse.urlencode(query)}>; rel="next"'
        return answer(request, 200, json.dumps(entries[begin:end]).encode(), **headers)

    def _other_request(self, request):
        self._record("other", request)
        organization, name, path = urllib.parse.unquote(request.path)[1:].split("/", 2)
        repository = self.repositories[f"{organization}/{name}"]
        content = repository.files[path]
        if self.large and self.large(request, repository, path, content):
            return
        self.send(request, content)

    def send(self, request, content, *, most=None, tag=None):
        """A file or the part that is asked for; no more than `most` bytes of it, and then the end of the connection."""
        tag = tag or f'"{hashlib.md5(content).hexdigest()}"'
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if self.ranges and wanted and request.headers.get("If-Range", tag) == tag:
            begin, end = int(wanted[1]), min(int(wanted[2]) + 1, len(content))
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
        else:
            begin, end = 0, len(content)
            request.send_response(200)
        request.send_header("Content-Length", str(end - begin))
        request.send_header("ETag", tag)
        request.end_headers()
        piece = content[begin:end] if most is None else content[begin:min(end, begin + most)]
        request.wfile.write(piece)
        with self._lock:
            self.sent += len(piece)
        if begin + len(piece) < end:
            raise Cut


def git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def entry(path, content):
    """A file in a list of files."""
    out = {"type": "file", "oid": git_hash(content), "size": len(content), "path": path}
    if len(content) >= LARGE:
        out["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return out
