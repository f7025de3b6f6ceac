"""A small model hub on this machine, for the hub's own client to talk to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Repo = dict[str, bytes]
COMMIT = "c0ffee" + "0" * 34


@contextmanager
def served(repos: dict[str, Repo]) -> Iterator[tuple[str, list[str]]]:
    """Serve repositories at the address that is yielded, together with a list that the paths asked for appear in."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            asked.append(self.path)
            path = self.path.partition("?")[0]
            for name, files in repos.items():
                if path.startswith(f"/api/models/{name}"):
                    return self._send(
                        json.dumps(_info(name, files)).encode(), body, {"Content-Type": "application/json"}
                    )
                if path.startswith(f"/{name}/resolve/{COMMIT}/"):
                    content = files.get(path.rpartition("/")[2])
                    if content is not None:
                        tag = hashlib.sha256(content).hexdigest()
                        return self._send(content, body, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT})
                if path == f"/files/{name}":
                    return self._send(next(iter(files.values())), body, {})
            self.send_error(404)
            return None

        def _send(self, content: bytes, body: bool, headers: dict[str, str]) -> None:
            self.send_response(200)
            for key, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _info(name: str, files: Repo) -> dict[str, object]:
    siblings = [
        {"rfilename": file, "size": len(content), "blobId": "0" * 40}
        | (
            {"lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 1}}
            if _large(file)
            else {}
        )
        for file, content in files.items()
    ]
    return {
        "id": name,
        "modelId": name,
        "sha": COMMIT,
        "private": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": siblings,
        "cardData": {"license": "apache-2.0"},
    }


def _large(file: str) -> bool:
    return file.endswith((".safetensors", ".bin"))
