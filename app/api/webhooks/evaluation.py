"""Evaluates the nodes of a filter or a prioritize within the time limit."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from app.api.service import Service
from app.api.webhooks.wire import FilterArgs
from app.core.model.errors import ObjectError
from app.core.model.node import Node
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.model.resource_claim import ClaimSpec
from app.core.pauses import InterruptedWorkError, paced
from app.core.placement.pod_claims import HeldClaim
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import KnownVerdicts, current_entry, indexed, known, verdicts
from app.core.verdicts.filter_result import FilterResult, IndexedResult, ListedResult
from app.core.verdicts.index import VerdictIndex
from app.core.verdicts.node_verdict import NodeVerdict

MAX_CEL_COST = 500_000
"""Units that the selectors of one filter may take, where a usual one takes twenty: 0.1 s."""

_DEAR_COST, _DEAR_SECONDS = 20_000, 0.2
"""Units from which on selectors are expensive, and how long a filter waits for these: kube-scheduler waits
too, and on a busy machine 0.1 s of CPU time takes longer.
"""

_NODES_AT_ONCE = 8
"""Nodes read between two pauses."""


@dataclass(frozen=True, slots=True)
class NodesEvaluated:
    """The result. Read it before the next await: nodes may change then.

    ``late`` is the reason why some nodes were not evaluated; those are left out.
    """

    evaluation: PodEvaluation
    result: FilterResult
    late: str = ""


async def evaluate_nodes(service: Service, args: FilterArgs, pod: Pod, verb: str) -> NodesEvaluated:
    """Evaluates whether the Pod fits on each node.

    Cost: a lookup for each node that has not changed since the last equivalent Pod, none if no node has;
    the work is done in time slices. A Pod that may use devices held for others, or that they are held
    for, is evaluated on a copy of the state, with a search for each class.
    """
    state, verdict_cache = service.state.as_seen_by(pod), service.verdict_cache
    if state is not service.state:
        verdict_cache = VerdictCache(state)
    unknown = [] if args.nodes is None else [name for name in args.nodes if name not in state.nodes]
    preparing = service.webhook_slice(pod.meta.namespace)
    wrong: dict[str, str] = {}
    if unknown:
        state = state.fork()
        verdict_cache = VerdictCache(state)
        wrong = await preparing.run(partial(_add_nodes, state, args, unknown))
    evaluation = await preparing.run_short(partial(PodEvaluation, state, pod, service.rules))
    names = [name for name in args.names if name not in wrong] if wrong else args.names
    work = _Work(evaluation, names, args.distinct, verdict_cache)
    late = await _carried_out(service, work)
    if late:
        service.metrics.late.labels(verb).inc()
    return NodesEvaluated(evaluation, work.result(wrong), late)


class _Work:
    """The nodes of one request, evaluated by ``run``; an interruption keeps the results so far."""

    def __init__(
        self,
        evaluation: PodEvaluation,
        names: Sequence[str],
        distinct: frozenset[str] | None,
        verdict_cache: VerdictCache,
    ) -> None:
        self.evaluation = evaluation
        self._names = names
        self._distinct = distinct
        self._verdict_cache = verdict_cache
        self._every_node: VerdictIndex | None = None
        self._kept: KnownVerdicts | None = None

    def run(self) -> None:
        entry = current_entry(self.evaluation, self._verdict_cache)
        if entry is not None and self._distinct is not None:
            self._every_node = indexed(entry, self._distinct, self._verdict_cache)
        if self._every_node is not None:
            return
        kept = self._kept = known(entry, self._names, self._verdict_cache)
        if not kept.unseen:
            return
        unseen = [self._names[index] for index in kept.unseen]
        found = verdicts(self.evaluation, unseen, self._verdict_cache)
        for index, (_, verdict) in zip(kept.unseen, found, strict=True):
            kept.found[index] = verdict

    @property
    def kind(self) -> tuple[ClaimSpec, ...]:
        """The claims that contain the selectors."""
        return tuple(claim.spec for claim in self.evaluation.missing)

    def again(self, evaluation: PodEvaluation, verdict_cache: VerdictCache) -> "_Work":
        """The same nodes, on the newest state."""
        return _Work(evaluation, self._names, None, verdict_cache)

    def refuse_all(self, verdict: NodeVerdict) -> None:
        """Gives every node the same verdict."""
        self._kept = KnownVerdicts([verdict] * len(self._names), Counter([verdict]), ())

    def result(self, wrong: dict[str, str]) -> FilterResult:
        """The result of each node; ``wrong`` are nodes that could not be read."""
        if self._every_node is not None:
            return IndexedResult(self._names, self._every_node)
        if self._kept is None:
            return _columns([], [], wrong)
        if not self._kept.unseen and not wrong:
            every = cast("list[NodeVerdict]", self._kept.found)  # None means not evaluated
            return ListedResult(self._names, every, cast("Counter[NodeVerdict]", self._kept.counts))
        return _columns(self._names, self._kept.found, wrong)


async def _carried_out(service: Service, work: _Work) -> str:
    """The reason why some nodes were not evaluated; empty if all were.

    What dear selectors take is limited: kube-scheduler, which waits for the answer, serves all tenants. The
    rest is the backlog's, and what it finds out is there for the next attempt.
    """
    settings, backlog, shares = service.settings, service.backlog, service.shares
    tenant = work.evaluation.pod.meta.namespace
    if backlog.given_up and backlog.is_hopeless(work.kind):
        work.refuse_all(_too_dear(backlog.cpu_seconds))
        return ""
    deadline, patience = service.deadline(settings.filter_timeout_seconds), service.deadline(_DEAR_SECONDS)
    time_slice = service.webhook_slice(tenant)

    paid = 0.0

    def dear() -> bool:
        cost = time_slice.cel_cost
        return cost > _allowance(service, tenant) or (
            cost > _DEAR_COST and (patience.expired() or deadline.expired())
        )

    def pay() -> None:
        nonlocal paid
        if time_slice.cel_cost > 0:
            shares.spend(tenant, time_slice.cpu_seconds - paid)
            paid = time_slice.cpu_seconds

    def stop() -> bool:
        pay()  # at once: filters of other Pods of the tenant are in progress, too
        return deadline.expired() or dear()

    try:
        await time_slice.run_short(work.run, stop)
    except InterruptedWorkError:
        if not dear():
            return f"not judged within {settings.filter_timeout_seconds:g} s"
        again = PodEvaluation(service.state, work.evaluation.pod, work.evaluation.rules)
        backlog.add(tenant, work.kind, work.again(again, service.verdict_cache).run)
        return "its selectors take long to evaluate; they are being evaluated for the next attempt"
    finally:
        pay()
    return ""


async def claim_to_release(service: Service, evaluation: PodEvaluation) -> HeldClaim | None:
    """The claim to deallocate for a Pod that fits no node; None as well if that is not found out in time.

    The next attempt of the Pod tries again. Cost: that of ``PodEvaluation.releasable``.
    """
    if not evaluation.allocated and not evaluation.varies:
        return None
    tenant = evaluation.pod.meta.namespace
    time_slice = service.webhook_slice(tenant)
    deadline = service.deadline(service.settings.filter_timeout_seconds)

    def stop() -> bool:
        return deadline.expired() or time_slice.cel_cost > _allowance(service, tenant)

    try:
        return await time_slice.run(evaluation.releasable, stop)
    except InterruptedWorkError:
        return None
    finally:
        if time_slice.cel_cost > 0:
            service.shares.spend(tenant, time_slice.cpu_seconds)


async def fits_soon(service: Service, pod: Pod, nodes: Iterable[str]) -> bool:
    """Whether the Pod may fit on a node when others have chosen one of the nodes reserved for them.

    False as well if that is not found out in time. Cost: O(reservations); a fork and a search for each node
    if a Pod has not chosen yet.
    """
    if not service.decider.reservations.undecided:
        return False

    def fits() -> bool:
        state = service.state.fork_seen_by(pod)
        service.decider.reservations.free_undecided_in(state)
        evaluation = PodEvaluation(state, pod, service.rules)
        return any(answer.verdict == "fits" for answer in evaluation.answers(nodes))

    deadline = service.deadline(service.settings.filter_timeout_seconds)
    try:
        return await service.webhook_slice(pod.meta.namespace).run(fits, deadline.expired)
    except InterruptedWorkError:
        return False


def _allowance(service: Service, tenant: str) -> int:
    """Units of a filter that expensive selectors of the tenant may use."""
    waits = service.backlog.has(tenant) or service.shares.left(tenant) <= 0
    return 0 if waits else MAX_CEL_COST


def _too_dear(seconds: float) -> NodeVerdict:
    text = f"the selectors of the Pod's claims took more than {seconds:g} s of CPU time and were given up"
    return NodeVerdict("invalid", message=text, curable=False, reason="SelectorsTooDear")


def _columns(names: Sequence[str], found: list[NodeVerdict | None], wrong: dict[str, str]) -> FilterResult:
    if None in found:
        names = [name for name, verdict in zip(names, found, strict=True) if verdict is not None]
    result = list(filter(None, found))
    if not wrong:
        return ListedResult(names, result)
    refused = [
        NodeVerdict("invalid", message=error, curable=False, reason="InvalidNode") for error in wrong.values()
    ]
    return ListedResult([*names, *wrong], [*result, *refused])


def _add_nodes(state: State, args: FilterArgs, names: Sequence[str]) -> dict[str, str]:
    """See ``_add_node``. Returns the errors. O(nodes), with pauses."""
    found = ((name, _add_node(state, args, name)) for name in paced(names, _NODES_AT_ONCE))
    return {name: error for name, error in found if error is not None}


def _add_node(state: State, args: FilterArgs, name: str) -> str | None:
    """Adds a node from the request that no watch event has reported yet.

    Returns the error if it is invalid.
    """
    assert args.nodes is not None  # noqa: S101 - the caller has looked
    try:
        node = parse(args.nodes[name] | {"apiVersion": "v1", "kind": "Node"})
    except ObjectError as error:
        return str(error)
    assert isinstance(node, Node)  # noqa: S101 - by its kind
    state.upsert(node)
    return None
