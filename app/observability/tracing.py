"""OpenTelemetry spans: one for each accepted request, and below it one for each call of the API server.

Imported only with ``otlp_endpoint``. docs/operations.md lists the names and attributes of spans.
"""

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import aiohttp
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.observability.logs import bind_context, get_context
from app.settings.settings import Settings

log = logging.getLogger(__name__)

NAME = "dra-extender"
_EXPORT_SECONDS = 5.0
"""Time limit for one batch: the shutdown waits no longer than this for a collector that does not respond."""


class Tracing:
    """Creates spans and exports them.

    Args:
        provider: of OpenTelemetry's SDK, with its processors.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(NAME, version(NAME))

    @classmethod
    def to(cls, settings: Settings) -> "Tracing":
        """Spans go to the collector of the settings, in batches, from a separate thread.

        Headers, certificates and more come from OpenTelemetry's variables (OTEL_EXPORTER_OTLP_HEADERS).
        """
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)),
            resource=Resource.create(
                {
                    "service.name": os.environ.get("OTEL_SERVICE_NAME") or NAME,
                    "service.version": version(NAME),
                    "service.instance.id": socket.gethostname(),
                }
            ),
            shutdown_on_exit=False,
        )
        endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        log.info("tracing", extra={"endpoint": endpoint, "ratio": settings.trace_ratio})
        return cls(provider)

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application with a span for each of its requests."""
        return Traced(app, tracer=self._tracer)

    def of_requests(self) -> aiohttp.TraceConfig:
        """For the client of the API server: a span for each call on behalf of a request.

        Watches and renewals of the lease do not belong to a request.
        """
        config = aiohttp.TraceConfig()
        config.on_request_start.append(self._call_begins)
        config.on_request_end.append(self._call_ends)
        config.on_request_exception.append(self._call_fails)
        return config

    def stop(self) -> None:
        """Sends the remaining spans. Blocks for some seconds if the collector does not respond."""
        self._provider.shutdown()

    async def _call_begins(
        self, _session: aiohttp.ClientSession, call: SimpleNamespace, sent: aiohttp.TraceRequestStartParams
    ) -> None:
        call.span = None
        if not trace.get_current_span().get_span_context().is_valid:
            return
        call.span = self._tracer.start_span(
            sent.method,
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": sent.method,
                "url.path": sent.url.path,
                "server.address": sent.url.host or "",
            },
        )
        propagate.inject(sent.headers, trace.set_span_in_context(call.span))

    async def _call_ends(
        self, _session: aiohttp.ClientSession, call: SimpleNamespace, got: aiohttp.TraceRequestEndParams
    ) -> None:
        if call.span is not None:
            _end(call.span, got.response.status, failed_from=400)

    async def _call_fails(
        self, _session: aiohttp.ClientSession, call: SimpleNamespace, got: aiohttp.TraceRequestExceptionParams
    ) -> None:
        if call.span is not None:
            call.span.set_status(Status(StatusCode.ERROR, str(got.exception)))
            call.span.end()


class Traced:
    """ASGI middleware: a span for each webhook and each request under /api/v1, named by its verb.

    It has the attributes of the request's log lines: its ID, the Pod, the node, the claims. The stream is
    left out: it ends with the client.
    """

    def __init__(self, app: ASGIApp, tracer: trace.Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        verb = str(get_context().get("verb", ""))
        if scope["type"] != "http" or verb in ("stream", "other"):
            await self._app(scope, receive, send)
            return
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._tracer.start_as_current_span(
            verb,
            propagate.extract(Headers(scope=scope)),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": scope["method"], "url.path": scope["path"]},
            end_on_exit=False,
        ) as span:
            bind_context(trace=trace.format_trace_id(span.get_span_context().trace_id))
            try:
                await self._app(scope, receive, noted)
            finally:
                span.set_attributes(dict(_attributes(get_context())))
                _end(span, status, failed_from=500)


def _end(span: Span, status: int, *, failed_from: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= failed_from:
        span.set_status(StatusCode.ERROR)
    span.end()


def _attributes(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The log context of a request, with OpenTelemetry's names where they exist."""
    namespace, _, name = str(fields.get("pod", "")).partition("/")
    if name:
        yield "k8s.namespace.name", namespace
        yield "k8s.pod.name", name
    if "node" in fields:
        yield "k8s.node.name", fields["node"]
    for field in ("request", "caller", "claims", "outcome", "fitting", "nodes"):
        if field in fields:
            yield f"dra_extender.{field}", fields[field]
