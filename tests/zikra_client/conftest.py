"""A fresh home for the client, and a portal that answers as a test says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zikra_client import places


@pytest.fixture
def client_home(tmp_path, monkeypatch):
    """The client's directory, with nothing in it."""
    monkeypatch.setenv("ZIKRA_HOME", str(tmp_path / "zikra"))
    return tmp_path / "zikra"


class ScriptedPortal:
    """An HTTP server whose failures a test chooses; what it accepts, it remembers by ingest key as the portal does.

    failures: statuses of the next answers, in order; 0 hangs up without one.
    """

    def __init__(self) -> None:
        self.failures: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.stored: list[dict] = []
        portal = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments) -> None:
                """Quiet."""

            def do_POST(self) -> None:
                items = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                portal.headers.append(dict(self.headers))
                status = portal.failures.pop(0) if portal.failures else 200
                if status == 0:
                    return
                results = [{"index": place, "outcome": portal.store(item)} for place, item in enumerate(items)]
                body = {"accepted": len(items), "results": results} if status == 200 else {"error": "no"}
                self.answer(status, json.dumps(body).encode())

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Retry-After", "0.01")
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def store(self, item: dict) -> str:
        known = [kept["url"] for kept in self.stored]
        if item["body"].get("is_refused"):
            return "dropped_unauthorized"
        if item["url"] not in known:
            self.stored.append(item)
            return "stored"
        return "replayed"


@pytest.fixture
def portal(client_home):
    """A portal that the client is set up for."""
    scripted = ScriptedPortal()
    places.write_private(places.path_of("config.json"), json.dumps({"server": scripted.address, "machine": "anvil"}))
    places.write_private(places.path_of("token"), "zikra_abc_secret\n")
    yield scripted
    scripted.server.shutdown()
    scripted.server.server_close()
