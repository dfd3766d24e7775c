"""An extender that answers what a test tells it to.

It shows what kube-scheduler sends, and what it makes of an answer.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness.controlplane import HOST

Body = dict[str, Any]
Answer = Callable[[Body], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request of kube-scheduler: the last part of its path and its body."""

    verb: str
    body: Body

    @property
    def pod(self) -> str:
        return self.body["Pod"]["metadata"]["name"] if "Pod" in self.body else self.body["PodName"]


@dataclass(slots=True)
class Webhook:
    """Answers `verb` with what `answers[verb]` makes of the body, and keeps every call."""

    answers: dict[str, Answer] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://{HOST}:{self._server.server_address[1]}"

    def start(self) -> None:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                verb = self.path.rsplit("/", 1)[1]
                webhook.calls.append(Call(verb, body))
                answer = json.dumps(webhook.answers[verb](body)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """The calls are kept; a log line for each would only hide the test's own output."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="webhook", daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def verbs(self, pod: str) -> list[str]:
        """The verbs kube-scheduler has called for a Pod, in order."""
        return [call.verb for call in self.calls if call.pod == pod]
