"""One trace, placed by one policy on one inventory; departures first where times are equal.

A trace that was recorded on the inventory begins with the Pods that run there. They are not placed again:
each keeps what it holds, and leaves when it did. What else is held at the start stays held.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from app.core.model.allocation import Allocation
from app.core.model.meta import Meta
from app.core.model.pod import Pod
from app.core.model.pod_claim import PodClaim
from app.core.model.resource_claim import ConsumerReference, ResourceClaim
from app.core.model.resource_slice import DeviceId
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.scoring.fragmentation import PoolRoom
from app.core.simulation.trace import Job, Trace
from app.core.state.state import Key, State
from app.core.state.taken import NOTHING_TAKEN
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import current_entry, known, verdicts
from app.core.verdicts.node_verdict import NodeVerdict

NAMESPACE = "simulation"


@dataclass(frozen=True, slots=True)
class UsageSample:
    """How things are at a time: shares from 0 to 1, and the Pods that wait."""

    at: float
    utilisation: float
    fragmentation: float
    waiting: int


@dataclass(slots=True)
class TraceResult:
    """The result of a trace. ``waited`` is the total of seconds that placed Pods waited."""

    policy: str
    placed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    waited: float = 0.0
    samples: list[UsageSample] = field(default_factory=list)

    def mean(self, name: str) -> float:
        """The mean of a sampled share over time. O(samples)."""
        values = [getattr(item, name) for item in self.samples]
        return sum(values) / len(values) if values else 0.0


class Simulation:
    """Runs a trace; the state is changed: pass a fork.

    Args:
        state: the inventory, with what is held in it from the start.
        patience: seconds that a Pod waits for its devices before it counts as refused.
        samples: how often in the course of the arrivals utilization and fragmentation are measured.
    """

    def __init__(
        self, state: State, trace: Trace, rules: Rules, *, patience: float = 0.0, samples: int = 100
    ) -> None:
        self._state = state
        self._trace = trace
        self._rules = rules
        self._patience = patience
        self._every = max(1, len(trace.jobs) // max(1, samples))
        self._memo = VerdictCache(state)
        self._nodes = list(state.nodes)
        self._jobs = _with_unique_names(trace.jobs)
        self._leaving: list[tuple[float, str]] = []
        self._waiting: deque[Job] = deque()
        self._weights: dict[DeviceId, float] = {}
        self._homes: dict[DeviceId, str] = {}
        self._running: dict[str, tuple[Pod, Sequence[Key]]] = {}
        self._capacity = self._weigh()
        self._used: dict[str, float] = dict.fromkeys(self._nodes, 0.0)
        for claim in state.claims():
            self._count(claim.allocation, 1)
        self.result = TraceResult(rules.policy)

    def run(self) -> Iterator[int]:
        """Runs it, with a pause after each arrival: how many have come. Then see ``result``."""
        for number, job in enumerate(self._jobs):
            while self._leaving and self._leaving[0][0] <= job.at:
                at, gone = heappop(self._leaving)
                self._depart(gone)
                self._retry(at)
            self._give_up(job.at)
            if not self._runs(job) and not self._place(job, job.at):
                self._waiting.append(job)
                self._give_up(job.at)
            if number % self._every == 0:
                self.result.samples.append(self._sample(job.at))
            yield number + 1
        self._give_up(float("inf"))

    def _retry(self, now: float) -> None:
        """Those that wait, in the order in which they came; one that still does not fit lets others by."""
        self._give_up(now)
        for _ in range(len(self._waiting)):
            job = self._waiting.popleft()
            if not self._place(job, now):
                self._waiting.append(job)

    def _give_up(self, now: float) -> None:
        kept: deque[Job] = deque()
        for job in self._waiting:
            if now - job.at < self._patience:
                kept.append(job)
            else:
                self.result.refused[job.kind] += 1
        self._waiting = kept

    def _place(self, job: Job, now: float) -> bool:
        claim = ResourceClaim(Meta(job.name, NAMESPACE, uid=job.name), self._trace.kinds[job.kind].spec)
        pod = Pod(Meta(job.name, NAMESPACE, uid=job.name), claims=(PodClaim("devices", job.name),))
        self._state.upsert(claim)
        evaluation = PodEvaluation(self._state, pod, self._rules)
        node = self._best(self._judged(evaluation))
        if node is None:
            self._state.delete("ResourceClaim", claim.meta.key)
            return False
        answer = evaluation.answer(node)
        self._state.settle(pod, node, [(claim, answer.allocations[0], None)], answer.amounts)
        self._count(answer.allocations[0], 1)
        self._expect(job, pod, now, [claim.meta.key])
        self.result.placed[job.kind] += 1
        self.result.waited += now - job.at
        return True

    def _runs(self, job: Job) -> bool:
        """Whether it is a Pod of the inventory, which runs already; then it is waited for to leave."""
        namespace, _, name = job.name.partition("/")
        pod = self._state.pods.get((namespace, name))
        if pod is None:
            return False
        held = [claim.meta.key for claim in self._state.claims() if _user(claim, pod) is not None]
        if held:
            self._expect(job, pod, job.at, held)
        return bool(held)

    def _expect(self, job: Job, pod: Pod, now: float, claims: Sequence[Key]) -> None:
        self._running[job.name] = (pod, claims)
        heappush(self._leaving, (now + job.seconds, job.name))

    def _depart(self, name: str) -> None:
        """The Pod goes, and with it the claims that no other Pod uses."""
        pod, claims = self._running.pop(name)
        for key in claims:
            claim = self._state.stored_claim(key)
            gone = _user(claim, pod) if claim is not None else None
            if claim is None or gone is None:
                continue
            others = tuple(user for user in claim.reserved_for if user is not gone)
            if others:
                self._state.upsert(replace(claim, reserved_for=others))
            else:
                self._count(claim.allocation, -1)
                self._state.delete("ResourceClaim", key)
        self._state.delete("Pod", pod.meta.key)

    def _judged(self, evaluation: PodEvaluation) -> list[NodeVerdict]:
        kept = known(current_entry(evaluation, self._memo), self._nodes, self._memo)
        found = verdicts(evaluation, [self._nodes[at] for at in kept.unseen], self._memo)
        for at, (_, verdict) in zip(kept.unseen, found, strict=True):
            kept.found[at] = verdict
        return [item for item in kept.found if item is not None]

    def _best(self, result: list[NodeVerdict]) -> str | None:
        """The node with the highest score; the first named among equals."""
        best = max(
            ((verdict.score, -at) for at, verdict in enumerate(result) if verdict.verdict == "fits"),
            default=None,
        )
        return None if best is None else self._nodes[-best[1]]

    def _sample(self, at: float) -> UsageSample:
        """Fragmentation: the share of free devices on nodes where the largest request does not fit."""
        kind = self._trace.largest
        claim = ResourceClaim(Meta("probe", NAMESPACE, uid="probe"), kind.spec)
        pod = Pod(Meta("probe", NAMESPACE, uid="probe"), claims=(PodClaim("devices", "probe"),))
        self._state.upsert(claim)
        result = self._judged(PodEvaluation(self._state, pod, self._rules))
        self._state.delete("ResourceClaim", claim.meta.key)
        free = useless = 0.0
        for name, verdict in zip(self._nodes, result, strict=True):
            left = max(0.0, self._capacity[name] - self._used[name])
            free += left
            useless += left if verdict.verdict != "fits" else 0.0
        total = sum(self._capacity.values())
        return UsageSample(
            at,
            (total - free) / total if total else 0.0,
            useless / free if free > 1e-9 else 0.0,
            len(self._waiting),
        )

    def _weigh(self) -> dict[str, float]:
        """The devices of each node; a GPU in partitions is one."""
        capacity: dict[str, float] = {}
        for name in self._nodes:
            capacity[name] = 0.0
            for pool in self._state.inventory.pools(name, self._rules.features):
                room = PoolRoom(pool, NOTHING_TAKEN)
                for placed, weight in zip(room.devices, room.weights, strict=True):
                    self._weights[placed.id] = weight
                    self._homes.setdefault(placed.id, name)
                drawing = sum(bool(room.sets_of(at)) for at in range(len(room.devices)))
                capacity[name] += len(room.devices) - drawing + len(pool.counter_sets)
        return capacity

    def _count(self, allocation: Allocation | None, sign: int) -> None:
        """Takes what an allocation holds into what is used of its nodes, or out of it."""
        for item in allocation.devices if allocation is not None else ():
            home = self._homes.get(item.device)
            if home is not None and not item.admin_access:
                self._used[home] += sign * self._weights[item.device]


def _user(claim: ResourceClaim, pod: Pod) -> ConsumerReference | None:
    """The Pod as one of those that an allocated claim is reserved for. By name: files may have no uids."""
    if claim.allocation is None or claim.meta.namespace != pod.meta.namespace:
        return None
    users = (user for user in claim.reserved_for if user.resource == "pods")
    return next((user for user in users if user.name == pod.meta.name), None)


def _with_unique_names(jobs: Sequence[Job]) -> list[Job]:
    """Jobs with unique names: a Pod that was created again has the name of the one before it."""
    seen: Counter[str] = Counter()
    found = []
    for job in jobs:
        seen[job.name] += 1
        found.append(job if seen[job.name] == 1 else replace(job, name=f"{job.name}#{seen[job.name]}"))
    return found
