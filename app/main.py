"""The application: the only place that knows all parts."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp, Scope

from app.api import errors
from app.api.middleware import access
from app.api.middleware.authorization import Authorization
from app.api.middleware.compression import Compression
from app.api.middleware.instrumentation import Instrumentation
from app.api.middleware.revalidation import Revalidation
from app.api.openapi.serving import add_openapi, operation_id
from app.api.pages import add_pages
from app.api.parameters import require_known_parameters
from app.api.routes import (
    about,
    capacity,
    classes,
    decisions,
    device,
    documents,
    explain_pod,
    fleet,
    health,
    inventory,
    matches,
    overview,
    placements,
    pods,
    policies,
    pools,
    repack,
    sizing,
    stream,
    usage,
)
from app.api.service import Shutdown, made_service
from app.api.webhooks import routes
from app.cluster.client.reviews import Reviewer
from app.observability.logs import set_up_logs
from app.observability.metrics import Metrics
from app.settings.settings import Settings, SettingsError
from app.wiring.background import background, watch_lag
from app.wiring.from_files import serve_files
from app.wiring.garbage_collection import collect_after_growth, keep_inventory
from app.wiring.leftovers import free_leftovers
from app.wiring.lifeline import lifeline

if TYPE_CHECKING:
    from app.observability.tracing import Tracing

_QUESTIONS = (
    placements,
    capacity,
    repack,
    sizing,
    documents,
    policies,
    overview,
    pods,
    explain_pod,
    inventory,
    pools,
    classes,
    usage,
    fleet,
    device,
    matches,
    decisions,
    stream,
    about,
)
"""What the role api answers under /api/v1."""


def create_app(settings: Settings, tracing: "Tracing | None" = None, *, stays: bool = True) -> FastAPI:
    """A separate application: two in one process share nothing.

    ``stays``: the process outlives the request, so the garbage collector must not go through the
    inventory again and again, and the log warns of what holds the event loop.
    """
    metrics = Metrics(version("dra-extender"))
    app = FastAPI(
        title="dra-extender",
        summary="A kube-scheduler extender that does Dynamic Resource Allocation",
        version=version("dra-extender"),
        lifespan=partial(_lifespan, settings=settings, tracing=tracing, stays=stays),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # add_openapi serves it
        generate_unique_id_function=operation_id,
        dependencies=[Depends(require_known_parameters)],
        redirect_slashes=False,  # a redirect would repeat what a client has put into Host
        # What is measured and traced is the project's own; FastAPI would look for providers in each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.metrics, app.state.shutdown = metrics, Shutdown()
    app.add_middleware(lambda answers: _guarded(answers, settings, metrics, tracing))
    errors.install(app)
    if settings.serves("webhooks"):
        app.include_router(routes.router)
    if settings.serves("api"):
        for part in _QUESTIONS:
            app.include_router(part.router)
        add_openapi(app)
        add_pages(app)
    app.include_router(health.router)
    return app


@asynccontextmanager
async def _lifespan(
    app: FastAPI, settings: Settings, tracing: "Tracing | None", *, stays: bool
) -> AsyncGenerator[None, None]:
    """Reads the snapshot, or starts the informers and returns: readiness shows when they have synced."""
    metrics, shutdown = app.state.metrics, app.state.shutdown
    async with AsyncExitStack() as stack:
        if tracing is not None:
            stack.push_async_callback(asyncio.to_thread, tracing.stop)
        line = await stack.enter_async_context(lifeline(settings, metrics, stays=stays))
        if settings.snapshot:
            app.state.service = await serve_files(settings, metrics, shutdown, stack)
            if stays:
                keep_inventory()
                await stack.enter_async_context(background(collect_after_growth(), "garbage collection"))
        else:
            from app.wiring.from_cluster import follow_cluster  # noqa: PLC0415 - what only a cluster needs

            await follow_cluster(app, settings, stack, tracing, line)
        await stack.enter_async_context(background(watch_lag(metrics), "event loop lag"))
        await stack.enter_async_context(background(free_leftovers(time.monotonic), "leftovers"))
        yield


def _guarded(
    answers: ASGIApp, settings: Settings, metrics: Metrics, tracing: "Tracing | None"
) -> Instrumentation:
    """What every request goes through. Outermost is what measures: it counts refusals too."""
    answered = routes.Webhooks(answers) if settings.serves("webhooks") else answers
    traced = answered if tracing is None else tracing.around(answered)
    sent = Compression(Revalidation(traced), time.monotonic)
    allowed = Authorization(sent, settings, rules=access.AccessRules(settings, _reviewer))
    return Instrumentation(allowed, metrics, time.monotonic)


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; requests in progress are finished first.

    Raises: ManifestError, SettingsError and CredentialsError before anything is served.
    """
    from app.server import run  # noqa: PLC0415 - uvicorn, which only a server needs

    handler = set_up_logs(settings.log_format, settings.verbosity)
    try:
        run(create_app(settings, _tracing(settings)), settings)
    finally:
        logging.getLogger().removeHandler(handler)


def _tracing(settings: Settings) -> "Tracing | None":
    """Raises: SettingsError if tracing is enabled and not installed."""
    if not settings.otlp_endpoint:
        return None
    try:
        from app.observability.tracing import Tracing  # noqa: PLC0415 - an extra, and nobody else waits for it
    except ModuleNotFoundError as error:
        text = "otlp_endpoint needs the extra `tracing`: pip install 'dra-extender[tracing]'"
        raise SettingsError(f"{text} ({error})") from None
    return Tracing.to(settings)


def _reviewer(scope: Scope) -> Reviewer | None:
    service = made_service(scope["app"])
    return service.reviewer if service is not None else None
