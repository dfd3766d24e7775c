"""The election put together: who writes, and with which client."""

import datetime as dt
import logging
import socket
import uuid
from collections.abc import Callable

from app.cluster.client.client import ApiClient
from app.cluster.informers.informer import Informer
from app.cluster.leadership.catch_up import catch_up
from app.cluster.leadership.election import Election, ElectionSettings
from app.cluster.leadership.endpoint import LeaderEndpoint
from app.cluster.leadership.fence import BootClock
from app.cluster.leadership.lease import Leases
from app.settings.settings import Settings

log = logging.getLogger(__name__)


_SHARE_OF_WRITES = 0.8
"""Of the time between the renew deadline and the end of the lease; the rest is for bytes under way."""


class Leadership:
    """What the other parts need of the election, whether there is one or not.

    ``writes`` is the client for whatever only one replica may write; a write that has left is carried out
    within ``write_seconds`` or not at all. ``election`` is None without ``leader_elect``. What is
    to be caught up with is given by ``prepare`` before the election runs.
    """

    def __init__(self, settings: Settings, client: ApiClient) -> None:
        self._settings = settings
        self._client = client
        self._clock = BootClock()
        self._claims: Informer | None = None
        self._begun: Callable[[], None] = _alone
        self.election = self._stand() if settings.leader_elect else None
        margin = settings.leader_elect_lease_seconds - settings.leader_elect_renew_deadline_seconds
        check = self.election.fence.check if self.election is not None else _alone
        self.writes = client.guarded(check, margin * _SHARE_OF_WRITES)
        self.write_seconds = margin
        self._endpoint: LeaderEndpoint | None = None
        if settings.leader_elect_service:
            self._endpoint = LeaderEndpoint(
                client,
                settings.lease_namespace(),
                settings.leader_elect_service,
                settings.leader_elect_address,
                settings.port,
            )

    def may_write(self) -> bool:
        """Whether this replica writes now."""
        return self.election is None or self.election.fence.open

    def prepare(self, claims: Informer, begun: Callable[[], None]) -> None:
        """Claims to be caught up with before a term; ``begun`` ends what does not outlive the one before."""
        self._claims, self._begun = claims, begun

    def enter(self) -> None:
        """Before a decision that will be written. Raises: NotLeader."""
        if self.election is not None:
            self.election.fence.begin()

    def _stand(self) -> Election:
        settings = self._settings
        # A replica that comes back after a crash must not take its own old lease for one it holds.
        identity = f"{settings.leader_elect_identity or socket.gethostname()}_{uuid.uuid4()}"
        return Election(
            Leases(self._client, settings.lease_namespace(), settings.leader_elect_name),
            identity,
            clock=self._clock,
            now=lambda: dt.datetime.now(dt.UTC),
            catch_up=self._begin_term,
            report=log.warning,
            settings=ElectionSettings(
                lease_seconds=settings.leader_elect_lease_seconds,
                renew_deadline_seconds=settings.leader_elect_renew_deadline_seconds,
                retry_seconds=settings.leader_elect_retry_seconds,
                idle_seconds=settings.leader_elect_retry_seconds,
            ),
        )

    async def _begin_term(self) -> None:
        """Raises: ClusterError."""
        assert self._claims is not None  # noqa: S101 - the election runs when the informers have synced
        self._begun()
        await catch_up(self._client, self._claims, self._clock, page_size=self._settings.list_page_size)
        if self._endpoint is not None:
            await self._endpoint.publish()


def _alone() -> None:
    """Without an election this process may always write."""
