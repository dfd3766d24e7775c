"""Answers Cluster Autoscaler: of the groups of nodes that it could grow, those to choose from.

An error costs nothing there: it goes on with all options, as after its 5 seconds. After an empty response it
adds no node at all, so there is none.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.api.errors import HttpError
from app.api.expander.messages import RequestError, read_request, response
from app.api.expander.status import Code, StatusError
from app.api.service import Service
from app.core.dry_run.expansion import Expansion, expand
from app.core.pauses import InterruptedWorkError

log = logging.getLogger(__name__)

MAX_SECONDS = 4.5
_SHARE = 0.9
"""Of the time that a client gives (Cluster Autoscaler 5 seconds): the way there and back takes some too."""

Handler = Callable[[bytes, float | None], Awaitable[bytes]]


class BestOptions:
    """The method BestOptions. One request at a time is judged; Cluster Autoscaler sends one at a time.

    Args:
        service: the application's service, None until the API server has answered.
    """

    def __init__(self, service: Callable[[], Service | None]) -> None:
        self._service = service
        self._turn = asyncio.Lock()

    async def __call__(self, body: bytes, seconds: float | None) -> bytes:
        """The response to a request.

        Args:
            seconds: what the client has left, None if it did not say.

        Raises: StatusError.
        """
        service = self._service()
        if service is None:
            raise StatusError(Code.UNAVAILABLE, "waiting for the API server")
        started = service.clock()
        code = Code.UNKNOWN
        try:
            service.require_synced()
            left = MAX_SECONDS if seconds is None else min(_SHARE * seconds, MAX_SECONDS)
            answer = await self._answer(service, body, left)
            code = Code.OK
        except StatusError as error:
            code = error.code
            raise
        except HttpError as error:
            code = Code.UNAVAILABLE
            raise StatusError(code, error.message) from None
        finally:
            service.metrics.expander_requests.labels(code.name).observe(service.clock() - started)
        return answer

    async def _answer(self, service: Service, body: bytes, seconds: float) -> bytes:
        deadline = service.deadline(seconds)
        try:
            async with asyncio.timeout(seconds), self._turn:
                return await service.time_slice().run(lambda: _best(service, body), deadline.expired)
        except RequestError as error:
            raise StatusError(Code.INVALID_ARGUMENT, str(error)) from None
        except (InterruptedWorkError, TimeoutError):
            text = f"the options could not be judged within {seconds:g} s"
            raise StatusError(Code.DEADLINE_EXCEEDED, text) from None


def _best(service: Service, body: bytes) -> bytes:
    request = read_request(body, service.settings.dry_run_pods)
    rules = replace(service.rules, node_checks=True, generate_claims=True)
    prices = service.settings.expander_prices
    found = expand(service.state.fork(), request.options, rules, prices)
    _count(service, found, len(request.options))
    return response([request.messages[number] for number in found.best])


def _count(service: Service, found: Expansion, options: int) -> None:
    results = service.metrics.expander_options
    results.labels("best").inc(len(found.best))
    results.labels("other").inc(options - len(found.best))
    for number, judged in enumerate(found.judged):
        if judged.like is None:
            results.labels("unknown").inc()
        log.debug("expander: %s (%s)", judged.text, "best" if number in found.best else "not the best")
