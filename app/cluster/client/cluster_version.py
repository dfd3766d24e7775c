"""Reads the version and the feature gates of the API server, and notices when they change."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from app.cluster.client.client import ApiClient
from app.cluster.client.errors import ApiError, ClusterError, ConnectionFailedError
from app.core.versions.cluster_version import ClusterVersion, gates_in_metrics, of_server

log = logging.getLogger(__name__)

_GATES_SECONDS = 20.0
"""For all of the API server's metrics: several MB in a large cluster."""


async def read_cluster_version(client: ApiClient) -> ClusterVersion:
    """The version, and the gates if the API server shows its metrics to this client.

    Cost: two requests, of which the second has MBs of text in a large cluster.

    Raises: as ApiClient, for the version only.
    """
    answer = await client.get("/version")
    return of_server(answer, await _gates(client))


async def until_changed(
    client: ApiClient, known: ClusterVersion, pause: Callable[[], Awaitable[None]]
) -> ClusterVersion:
    """Returns when the cluster has other rules than ``known``: another minor version, or other gates.

    They count when two answers in a row have them: while API servers are upgraded one after the other, the
    answers come from both versions.

    Args:
        pause: waits between two questions.
    """
    before = known
    while True:
        await pause()
        try:
            now = await read_cluster_version(client)
        except ClusterError as error:
            log.info("the version of the API server is not known at the moment: %s", error)
            continue
        if _differ(known, now) and not _differ(before, now):
            return now
        if now.gates is not None or now.version is not before.version:
            before = now


def _differ(one: ClusterVersion, other: ClusterVersion) -> bool:
    if one.version is not other.version:
        return True
    # An API server that shows no gates, or not at this moment, has not changed them.
    return one.gates is not None and other.gates is not None and one.gates != other.gates


async def _gates(client: ApiClient) -> dict[str, bool] | None:
    """None if the API server does not show them: then the version's defaults count."""
    try:
        async with asyncio.timeout(_GATES_SECONDS):
            found = await _gates_in_chunks(client)
    except (ApiError, ConnectionFailedError, TimeoutError) as error:
        log.info("the feature gates are not known, so the defaults of the version count: %s", error)
        return None
    return found or None


async def _gates_in_chunks(client: ApiClient) -> dict[str, bool]:
    found: dict[str, bool] = {}
    rest = b""
    async with aclosing(client.chunks("/metrics")) as chunks:
        async for chunk in chunks:
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            found |= gates_in_metrics(whole + newline)
            await asyncio.sleep(0)  # what has arrived already is read without waiting
    return found | gates_in_metrics(rest)
