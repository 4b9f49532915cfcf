"""A scripted server on loopback that holds models: a web server, an S3 bucket, a model hub."""

import hashlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

COMMIT = "7e27bd9f95328f0f3b08261d1252705110c806f8"


@dataclass
class Script:
    """What the server holds, and how it misbehaves."""

    files: dict[str, bytes] = field(default_factory=dict)
    etags: bool = True
    break_after: list[int] = field(default_factory=list)
    """For each coming body: bytes after which the connection ends; then none breaks."""
    statuses: list[int] = field(default_factory=list)
    """Statuses of the coming answers; then all are well."""
    redirects: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """A web server with ranges, an S3 bucket `models`, and what is asked of a model hub."""

    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.script.requests.append((self.command, self.path, headers))
        url = urlsplit(self.path)
        if self.script.statuses:
            self._send(self.script.statuses.pop(0), b"", {}, body=body)
        elif url.path in self.script.redirects:
            self._send(302, b"", {"Location": self.script.redirects[url.path]}, body=body)
        elif url.path == "/models" and "list-type" in url.query:
            self._send(200, self._listing(parse_qs(url.query)["prefix"][0]), {}, body=body)
        elif url.path in self.script.files:
            self._file(url.path, headers, body=body)
        else:
            of_repository = url.path.startswith("/api/models/")
            code = "RepoNotFound" if of_repository else "EntryNotFound"
            self._send(404, b"", {"X-Error-Code": code}, body=body)

    def _file(self, path: str, headers: dict[str, str], *, body: bool) -> None:
        content = self.script.files[path]
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        extra = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        extra["Last-Modified"] = "Mon, 02 Nov 2026 10:00:00 GMT"
        if self.script.etags:
            extra["ETag"] = etag
        asked = headers.get("range", "")
        if asked and headers.get("if-range", etag) == etag:
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            extra["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._send(206, content[start:], extra, body=body)
        else:
            self._send(200, content, extra, body=body)

    def _send(self, status: int, content: bytes, extra: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not body:
            return
        if content and self.script.break_after:
            content = content[: self.script.break_after.pop(0)]
            self.close_connection = True
        self.wfile.write(content)

    def _listing(self, prefix: str) -> bytes:
        keys = [path.removeprefix("/models/") for path in sorted(self.script.files)]
        rows = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(self.script.files['/models/' + key])}</Size>"
            f'<LastModified>2026-11-02T10:00:00.000Z</LastModified><ETag>"{etag_of(key)}"</ETag>'
            "</Contents>"
            for key in keys
            if key.startswith(prefix)
        )
        return (
            f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode()
        )


def etag_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve what the script says on a free port of loopback, encrypted when TLS is given."""
    handler = type("Scripted", (Handler,), {"script": script})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()
