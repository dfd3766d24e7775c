"""Probes and metrics."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from app.api.service import STARTING, Check, Shutdown, made_service

router = APIRouter(tags=["operation"])

_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "Not ready",
        "model": None,
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}

Exclude = Query(description="Names of checks to ignore: with `leader`, followers are ready too.")
Verbose = Query(default=None, description="Any value, or none: show the result of each check.")


@router.get(
    "/livez",
    response_class=PlainTextResponse,
    summary="Whether the event loop runs, regardless of the API server",
)
async def livez() -> PlainTextResponse:
    return PlainTextResponse("ok")


@router.get(
    "/readyz",
    response_class=PlainTextResponse,
    responses=_NOT_READY,
    summary="Whether the cluster has been read, no other replica leads, and the process is not shutting down",
)
async def readyz(
    request: Request, exclude: Annotated[Sequence[str], Exclude] = (), verbose: str | None = Verbose
) -> PlainTextResponse:
    return _ready(request, exclude, verbose=verbose is not None)


@router.get("/healthz", response_class=PlainTextResponse, responses=_NOT_READY, summary="As /readyz")
async def healthz(
    request: Request, exclude: Annotated[Sequence[str], Exclude] = (), verbose: str | None = Verbose
) -> PlainTextResponse:
    return _ready(request, exclude, verbose=verbose is not None)


@router.get("/metrics", response_class=PlainTextResponse, summary="Metrics for Prometheus")
async def metrics(request: Request) -> Response:
    service, known = made_service(request.app), request.app.state.metrics
    if service is None:
        return Response(known.text(), media_type=CONTENT_TYPE_LATEST)
    await service.observe()
    # Some sources go through all claims or pending Pods.
    text = await service.time_slice().run(known.text)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _checks(request: Request) -> Mapping[str, Check]:
    service = made_service(request.app)
    if service is not None:
        return service.checks
    shutdown: Shutdown = request.app.state.shutdown
    return {"shutdown": shutdown.check, "informers": lambda: STARTING}


def _ready(request: Request, exclude: Sequence[str], *, verbose: bool) -> PlainTextResponse:
    results = {name: check() for name, check in _checks(request).items()}
    failed = any(text for name, text in results.items() if name not in exclude)
    if not verbose and not failed:
        return PlainTextResponse("ok")
    lines = [f"[-]{name} failed: {text}" if text else f"[+]{name} ok" for name, text in results.items()]
    service = made_service(request.app)
    if service is not None:
        lines.append(f"kubernetes: {service.kubernetes}")
    lines.append("not ready" if failed else "ready")
    return PlainTextResponse("\n".join(lines) + "\n", 503 if failed else 200)
