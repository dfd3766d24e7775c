"""What the webhooks decide with: the parts of a process with the role webhooks."""

import asyncio
import logging
import time
from collections.abc import Collection, Coroutine
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from app.api.errors import not_ready
from app.api.gang_attempts import GangAttempts
from app.api.node_list_cache import NodeListCache
from app.api.nominated_looks import NominatedLooks
from app.cluster.binding.binder import Binder
from app.cluster.binding.node_pledges import NodePledges
from app.cluster.binding.nominated_holds import NominatedHolds
from app.cluster.binding.planned_moves import PlannedMoves
from app.cluster.binding.reservations import Reservations
from app.cluster.binding.undelivered_claims import UndeliveredClaims
from app.cluster.client.errors import NotLeaderError
from app.cluster.controllers.deallocator import Deallocator
from app.cluster.controllers.preemptor import Preemptor
from app.cluster.controllers.requeuer import Requeuer
from app.cluster.events.pod_events import PodEvents
from app.cluster.leadership.election import Election
from app.core.model.pod import Pod
from app.core.placement.pod_claims import HeldClaim
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.verdicts.candidates import Candidates

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Decider:
    """All that decides and writes. A process that only answers questions has none of it.

    ``requeuer`` and ``deallocator`` exist only with a cluster, ``election`` only among replicas. ``events``
    records on Pods why they do not fit, and ``undelivered_claims`` waits for their claims, also with a
    cluster only. ``preemptor``, if enabled, evicts others for them. ``nominated_holds`` are for those for
    which kube-scheduler does. ``pledges`` counts what Pods take of nodes, where devices take some.
    """

    binder: Binder
    reservations: Reservations
    candidates: Candidates
    planned_moves: PlannedMoves = field(default_factory=lambda: PlannedMoves(time.monotonic))
    name_lists: NodeListCache = field(default_factory=NodeListCache)
    gang_attempts: GangAttempts = field(default_factory=GangAttempts)
    nominated_looks: NominatedLooks = field(default_factory=NominatedLooks)
    pledges: NodePledges | None = None
    requeuer: Requeuer | None = None
    deallocator: Deallocator | None = None
    election: Election | None = None
    events: PodEvents | None = None
    undelivered_claims: UndeliveredClaims | None = None
    preemptor: Preemptor | None = None
    nominated_holds: NominatedHolds | None = None
    _chores: set[asyncio.Task[object]] = field(default_factory=set)

    @property
    def leads(self) -> bool:
        """Whether no other replica decides."""
        return self.election is None or self.election.fence.open

    async def lead(self, seconds: float) -> AbstractContextManager[None]:
        """Returns the context of a webhook: among replicas only the leader handles it.

        Args:
            seconds: how long to wait for becoming the leader.

        Raises: HttpError, 503.
        """
        election = self.election
        if election is None:
            return nullcontext()
        try:
            await election.lead(seconds)
        except NotLeaderError as error:
            raise not_ready(str(error)) from None
        return election.answering()

    def stop_leading(self, seconds: float) -> None:
        """Releases the lease as soon as the webhooks in progress are answered, or after these seconds."""
        self.binder.stop_waiting()
        if self.election is not None:
            self._start(self.election.resign(seconds))

    def refused(
        self, evaluation: PodEvaluation, summary: str, held: HeldClaim | None = None, since: int | None = None
    ) -> None:
        """Follows up a filter that has found no node, like PostFilter of the in-tree plugin.

        It deallocates ``held``, a claim whose node the Pod cannot use, records an event on the Pod, and
        requeues the Pod when devices appear: after the evaluation, or ``since`` an earlier position of the
        changes.
        """
        if self.events is not None:
            self.events.refused(evaluation.pod, summary)
        if held is not None and self.deallocator is not None:
            log.info("deallocating a claim", extra={"claim": "/".join(held.key)})
            self._start(self._deallocated(self.deallocator, held, evaluation.pod))
        if self.requeuer is not None:
            self.requeuer.refused(
                evaluation.pod,
                evaluation.position if since is None else since,
                everywhere=evaluation.refusal is not None,
                allocated=evaluation.allocated,
            )

    async def _deallocated(self, deallocator: Deallocator, held: HeldClaim, pod: Pod) -> None:
        """Deallocates. kube-scheduler may have retried the Pod before this process knew that it was done."""
        await deallocator.deallocate(held.claim)
        if self.requeuer is not None:
            self.requeuer.may_fit_anywhere(pod)

    def passed(self, pod: Pod, nodes: Collection[str]) -> None:
        """Follows up a filter that has named these nodes."""
        if self.requeuer is not None:
            self.requeuer.passed(pod, nodes)
        if self.nominated_holds is not None:
            self.nominated_holds.passed(pod)
        if self.events is not None:
            self.events.passed(pod)

    def _start(self, work: Coroutine[Any, Any, object]) -> None:
        chore = asyncio.create_task(work)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)
