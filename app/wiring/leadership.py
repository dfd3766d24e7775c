"""Wires the leader election: only the leader writes."""

import datetime as dt
import socket
import uuid
from collections.abc import Awaitable, Callable

from app.cluster.binding.reservations import Reservations
from app.cluster.client.client import ApiClient
from app.cluster.client.fence import BootClock, Fence
from app.cluster.informers.informer import Informer
from app.cluster.leadership.catch_up import catch_up
from app.cluster.leadership.election import Election, ElectionSettings
from app.cluster.leadership.endpoint import LeaderEndpoint
from app.cluster.leadership.lease import Leases
from app.settings.settings import Settings
from app.wiring.lifeline import Lifeline


def fence_of(settings: Settings) -> Fence:
    """Closed until this replica leads; without ``leader_elect``, open always."""
    # Work in progress when the renew deadline passes ends before the lease does.
    margin = settings.leader_elect_lease_seconds - settings.leader_elect_renew_deadline_seconds
    return Fence(BootClock(), margin) if settings.leader_elect else Fence.always_open(margin)


def election_of(
    settings: Settings,
    client: ApiClient,
    fence: Fence,
    claims: Informer,
    reservations: Reservations,
    *,
    restore: Callable[[], Awaitable[None]],
    leases: ApiClient,
    line: Lifeline,
) -> Election | None:
    """None without ``leader_elect``.

    Args:
        client: one that the fence does not hold back.
        claims: to be caught up with before a term.
        reservations: those of an earlier term end with the new one.
        restore: reserves what the cluster shows, at the start of a term.
        leases: a client for the Lease, of the loop that the election runs on.
    """
    if not settings.leader_elect:
        return None
    clock, endpoint = BootClock(), _endpoint(settings, client)

    async def begin_term() -> None:
        """Raises: ClusterError."""
        reservations.clear()
        await catch_up(client, claims, clock, page_size=settings.list_page_size)
        if settings.candidates != 0:
            await restore()
        if endpoint is not None:
            await endpoint.publish()

    return Election(
        Leases(leases, settings.lease_namespace(), settings.leader_elect_name),
        fence,
        # A replica that comes back after a crash must not take its own old lease for one it holds.
        f"{settings.leader_elect_identity or socket.gethostname()}_{uuid.uuid4()}",
        clock=clock,
        now=lambda: dt.datetime.now(dt.UTC),
        catch_up=begin_term,
        loops=line.loops,
        alive=line.alive,
        settings=ElectionSettings(
            lease_seconds=settings.leader_elect_lease_seconds,
            renew_deadline_seconds=settings.leader_elect_renew_deadline_seconds,
            retry_seconds=settings.leader_elect_retry_seconds,
            idle_seconds=settings.leader_elect_retry_seconds,
        ),
    )


def _endpoint(settings: Settings, client: ApiClient) -> LeaderEndpoint | None:
    if not settings.leader_elect_service:
        return None
    return LeaderEndpoint(
        client,
        settings.lease_namespace(),
        settings.leader_elect_service,
        settings.leader_elect_address,
        settings.port,
    )
