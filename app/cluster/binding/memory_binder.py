"""A binder without a cluster."""

from collections import Counter
from collections.abc import Callable

from app.cluster.binding.deciding import Decision, decide_unchanged
from app.cluster.binding.reservations import Reservations
from app.core.model.pod import Pod
from app.core.placement.decision import Refused, amounts_of, decide, forget
from app.core.placement.rules import Rules
from app.core.state.state import State

_SECONDS = 5.0
"""The default timeout of kube-scheduler."""


class MemoryBinder:
    """Binds only in the state: for inventories from files."""

    def __init__(
        self,
        state: State,
        rules: Rules,
        *,
        now: Callable[[], str],
        reservations: Reservations | None = None,
    ) -> None:
        self._state = state
        self._reservations = Reservations(state, rules) if reservations is None else reservations
        self._rules = rules
        self._now = now
        self.results: Counter[str] = Counter()

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str | None:
        """See ``Binder``."""
        pod = self._state.pods.get((namespace, name))
        if pod is None or (uid and pod.meta.uid and pod.meta.uid != uid):
            self.results["api_error"] += 1
            return f"Pod {namespace}/{name} not found"
        claim_allocations = await self._granted(pod, node)
        if isinstance(claim_allocations, Refused):
            self.results["invalid" if claim_allocations.invalid else "misfit"] += 1
            return claim_allocations.message
        self._state.settle(
            pod,
            node,
            [
                (claim_allocation.held.claim, claim_allocation.allocation, claim_allocation.held.group)
                for claim_allocation in claim_allocations
            ],
            amounts_of(claim_allocations),
        )
        self._state.redeem(pod.meta.uid)
        self.results["bound"] += 1
        return None

    async def _granted(self, pod: Pod, node: str) -> Decision:
        reserved = self._reservations.take(pod, node)
        if reserved is None:
            return await decide_unchanged(
                self._state, lambda: decide(self._state, pod, node, self._rules, self._now()), _SECONDS
            )
        forget(self._state, reserved, pod)
        return tuple(item.stamped(self._now()) for item in reserved)

    def under_way(self, uid: str) -> str | None:  # noqa: ARG002 - see Binder
        """See ``Binder``. A bind ends before other tasks run."""
        return None

    def stop_waiting(self) -> None:
        """See ``Binder``. Nothing is waited for."""
