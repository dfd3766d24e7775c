"""Spans of requests and of what they ask the API server, and their way to a collector."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import NODE
from app.cluster.client.errors import ConnectionFailedError, NotFoundError
from app.cluster.client.transport import AiohttpTransport
from app.main import create_app
from app.observability.tracing import Tracing
from app.settings.settings import Settings
from tests.cluster.client.loopback import closing, listening
from tests.cluster.fake_apiserver import FakeApiServer

INVENTORY = Path(__file__).parents[2] / "examples" / "inventory"
PROGRAM = Path(sys.executable).with_name("dra-extender")
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
VISITOR = {
    "metadata": {"name": "visitor", "namespace": "default", "uid": "1"},
    "spec": {"resourceClaims": [{"name": "animals", "resourceClaimName": "petting-zoo"}]},
}
POD = {"apiVersion": "v1", "kind": "Pod", **VISITOR}
FILTER = {"Pod": VISITOR, "NodeNames": ["worker-1", "worker-6"]}


class Memory:
    """Tracing whose spans stay here."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(self.provider)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()


async def ask(memory: Memory, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    app = create_app(Settings(snapshot=(str(INVENTORY),)), memory.tracing)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, json=body, headers=headers)


def test_a_filter_is_one_span_with_what_its_log_lines_say() -> None:
    memory = Memory()
    headers = {"X-Request-Id": "the-call", "traceparent": f"00-{TRACE}-{CALLER}-01"}
    answer = asyncio.run(ask(memory, "POST", "/scheduler/filter", FILTER, **headers))

    assert answer.status_code == 200
    (span,) = memory.spans
    assert (span.name, span.kind) == ("filter", SpanKind.SERVER)
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, CALLER)
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.path": "/scheduler/filter",
        "k8s.namespace.name": "default",
        "k8s.pod.name": "visitor",
        "dra_extender.request": "the-call",
        "dra_extender.claims": ("petting-zoo",),
        "dra_extender.fitting": 1,
        "dra_extender.nodes": 2,
    }


BIND = {"PodName": "visitor", "PodNamespace": "default", "PodUID": "1", "Node": "worker-6"}
ASKED = {
    "prioritize": ("prioritize", "POST", "/scheduler/prioritize", FILTER, 200),
    "bind": ("bind", "POST", "/scheduler/bind", BIND, 200),
    "a dry run": ("placements", "POST", "/api/v1/placements", {"pods": [POD]}, 200),
    "a list": ("read", "GET", "/api/v1/nodes", None, 200),
    "a body that is refused": ("filter", "POST", "/scheduler/filter", [], 400),
}


@pytest.mark.parametrize(("verb", "method", "path", "body", "status"), ASKED.values(), ids=ASKED)
def test_each_request_is_a_span(verb: str, method: str, path: str, body: Any, status: int) -> None:
    memory = Memory()
    asyncio.run(ask(memory, method, path, body))

    (span,) = memory.spans
    assert (span.name, span.parent, span.status.status_code) == (verb, None, StatusCode.UNSET)
    assert (span.attributes or {})["http.response.status_code"] == status


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/", "/openapi.json"])
def test_probes_metrics_and_pages_are_not_traced(path: str) -> None:
    memory = Memory()
    asyncio.run(ask(memory, "GET", path))

    assert memory.spans == ()


def test_who_is_not_let_in_makes_no_span() -> None:
    memory = Memory()
    answer = asyncio.run(ask(memory, "GET", "/api/v1/nodes", Origin="http://elsewhere.example"))

    assert answer.status_code == 403
    assert memory.spans == ()


@asynccontextmanager
async def api_client(memory: Memory) -> Any:
    server = FakeApiServer()
    server.put("v1", "nodes", {"metadata": {"name": "a"}})
    async with listening(server) as port:
        transport = AiohttpTransport(observer=memory.tracing.of_requests())
        async with closing(ApiClient(f"http://127.0.0.1:{port}", transport)) as client:
            yield server, client


def test_calls_of_the_api_server_are_below_the_request_they_are_made_for() -> None:
    memory = Memory()

    async def scenario() -> FakeApiServer:
        async with api_client(memory) as (server, client):
            with memory.provider.get_tracer("test").start_as_current_span("bind"):
                await client.get(NODE.path(name="a"))
                with pytest.raises(NotFoundError):
                    await client.get(NODE.path(name="b"))
            return server

    server = asyncio.run(scenario())
    found, missing, bind = memory.spans
    for span in (found, missing):
        assert (span.name, span.kind) == ("GET", SpanKind.CLIENT)
        assert span.parent is not None
        assert span.parent.span_id == bind.context.span_id
    assert (found.attributes or {})["url.path"] == "/api/v1/nodes/a"
    assert [span.status.status_code for span in (found, missing)] == [StatusCode.UNSET, StatusCode.ERROR]
    told = server.calls[0].headers["traceparent"].split("-")
    assert told[1:3] == [f"{found.context.trace_id:032x}", f"{found.context.span_id:016x}"]


def test_a_call_without_an_answer_is_an_error() -> None:
    memory = Memory()

    async def scenario() -> None:
        async with api_client(memory) as (_, client):
            address = client._base_url
        transport = AiohttpTransport(observer=memory.tracing.of_requests())
        async with closing(ApiClient(address, transport)) as client:
            begun = memory.provider.get_tracer("test").start_as_current_span("bind")
            with begun, pytest.raises(ConnectionFailedError):
                await client.get(NODE.path())

    asyncio.run(scenario())
    assert memory.spans[0].status.status_code == StatusCode.ERROR


def test_what_the_process_does_on_its_own_is_not_traced() -> None:
    memory = Memory()

    async def scenario() -> FakeApiServer:
        async with api_client(memory) as (server, client):
            await client.get(NODE.path())
            return server

    server = asyncio.run(scenario())
    assert memory.spans == ()
    assert "traceparent" not in server.calls[0].headers


class Collector:
    """A collector that takes spans over HTTP."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.received: list[ExportTraceServiceRequest] = []
        self.paths: set[str] = set()


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.paths.add(self.path)
            collector.received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def test_spans_come_to_a_collector_at_the_end_at_the_latest() -> None:
    with collecting() as collector:
        arguments = ["serve", "--snapshot", INVENTORY, "--port=0", f"--otlp-endpoint={collector.endpoint}"]
        serving = subprocess.Popen([PROGRAM, *arguments], stderr=subprocess.PIPE, text=True)
        assert serving.stderr is not None
        try:
            port = next(json.loads(line)["port"] for line in serving.stderr if '"listening"' in line)
            url = f"http://127.0.0.1:{port}/scheduler/filter"
            answer = httpx.post(url, json=FILTER, trust_env=False, timeout=10)
        finally:
            serving.send_signal(signal.SIGTERM)
            rest = serving.communicate(timeout=20)[1]

    assert collector.paths == {"/v1/traces"}, rest
    (spans,) = [found for request in collector.received for found in request.resource_spans]
    resource = {item.key: item.value.string_value for item in spans.resource.attributes}
    assert resource["service.name"] == "dra-extender"
    (span,) = spans.scope_spans[0].spans
    attributes = {item.key: item.value.string_value for item in span.attributes}
    assert (span.name, attributes["k8s.pod.name"]) == ("filter", "visitor")
    assert attributes["dra_extender.request"] == answer.headers["X-Request-Id"]


def test_without_an_endpoint_nothing_of_it_is_even_loaded() -> None:
    code = (
        "import sys; from app.main import create_app; from app.settings.settings import Settings;"
        "create_app(Settings());"
        "print([name for name in ('app.observability.tracing', 'opentelemetry.sdk') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_the_extra_the_start_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    from app.cli.application import run  # noqa: PLC0415 - after the environment is set

    monkeypatch.setitem(sys.modules, "app.observability.tracing", None)
    assert run(["serve", f"--snapshot={INVENTORY}", "--otlp-endpoint=http://127.0.0.1:4318"]) == 2
    assert "needs the extra `tracing`" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["collector:4318", "grpc://collector:4317", "http://"])
def test_an_endpoint_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="otlp_endpoint"):
        Settings(otlp_endpoint=value)
