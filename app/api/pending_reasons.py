"""Why pending Pods have no node: what kube-scheduler was answered, or else an evaluation of all nodes.

A follower has answered nothing, and an inventory from files has no scheduler: there the reasons come from
evaluations, which Pods with the same requests share.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.api.history import Decision, History
from app.core.diagnosis import code_distance, grouped, nearest_code
from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.overview.pending import PodReason
from app.core.pauses import InterruptedWorkError
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import verdicts
from app.core.verdicts.node_verdict import NodeVerdict

_MAX_KINDS = 32
"""Kinds of Pods that one answer evaluates; the others are for the next one."""
_MAX_KEPT = 256
_MAX_CHARACTERS = 8 << 20
"""Characters that the kinds of Pods with a kept reason request: a tenant may request much without end."""
_MAX_INTERRUPTIONS = 8
"""After which a Pod takes too long to evaluate: each time it had a part of an answer's seconds, or all."""
TAKES_LONG = PodReason("takes long to evaluate", "NotEvaluated", estimated=True)
NOT_EVALUATED = PodReason("not evaluated yet", "NotEvaluated", estimated=True)
_REFUSED = frozenset({"refused", "failed"})


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """``interruptions`` of an evaluation that has not ended yet; 0 if it has, or was given up.

    ``characters`` are those of what the Pod requests.
    """

    reason: PodReason
    revision: int
    interruptions: int = 0
    characters: int = 0


class PendingReasons:
    """The reasons by Pod. ``evaluations`` counts the kinds of Pods that were evaluated."""

    def __init__(self, state: State, rules: Rules, history: History) -> None:
        self._state = state
        self._rules = replace(rules, node_checks=True)
        self._history = history
        self._verdict_cache = VerdictCache(state)
        self._kept: OrderedDict[object, _Kept] = OrderedDict()
        self.evaluations = 0

    def of(self, pod: Pod) -> PodReason:
        """The reason, without an evaluation. Cost: O(claims)."""
        known = self._known(pod)
        if known is not None:
            return known
        kept = self._kept.get(_kind(self._state, pod))
        return NOT_EVALUATED if kept is None else kept.reason

    def evaluate(self, pods: Iterable[Pod]) -> None:
        """Evaluates those without a reason, with pauses. Cost: as one filter of each kind of Pods.

        Raises:
            InterruptedWorkError: the caller's time is up. After some interruptions, the Pod that it was about
                counts as evaluated.
        """
        # The state changes at pauses, and most of all while Pods of one kind are bound: each kind once.
        seen: set[object] = set()
        for pod in pods:
            if self._known(pod) is not None:
                continue
            kind = _kind(self._state, pod)
            if kind in seen:
                continue
            kept, revision = self._kept.get(kind), self._state.revision
            current = kept if kept is not None and kept.revision == revision else None
            if current is not None and not current.interruptions:
                continue
            if len(seen) == _MAX_KINDS:
                return
            seen.add(kind)
            before = NOT_EVALUATED if kept is None else kept.reason
            found = _Kept(before, revision)
            try:
                found = _Kept(self._evaluated(pod), revision)
            except InterruptedWorkError:
                # The verdicts found so far are cached: the next answer continues there.
                interruptions = 1 + (current.interruptions if current is not None else 0)
                again = interruptions < _MAX_INTERRUPTIONS
                found = _Kept(before, revision, interruptions) if again else _Kept(TAKES_LONG, revision)
                raise
            finally:
                self._keep(kind, replace(found, characters=_characters(self._state, pod)))

    def _keep(self, kind: object, found: _Kept) -> None:
        self._kept[kind] = found
        self._kept.move_to_end(kind)
        characters = sum([item.characters for item in self._kept.values()])
        while len(self._kept) > _MAX_KEPT or (characters > _MAX_CHARACTERS and len(self._kept) > 1):
            _, dropped = self._kept.popitem(last=False)
            characters -= dropped.characters

    def _known(self, pod: Pod) -> PodReason | None:
        if pod.meta.deleted:
            return PodReason("the Pod is being deleted", "Deleted")
        if pod.scheduling_gates:
            gates = ", ".join(pod.scheduling_gates)
            text = f"kube-scheduler waits until its scheduling gates are removed ({gates})"
            return PodReason(text, "SchedulingGated")
        last = self._history.latest(*pod.meta.key)
        return None if last is None else _of_decision(last)

    def _evaluated(self, pod: Pod) -> PodReason:
        self.evaluations += 1
        seen = self._state.as_seen_by(pod)
        cache = self._verdict_cache if seen is self._state else VerdictCache(seen)
        evaluation = PodEvaluation(seen, pod, self._rules)
        if evaluation.refusal is not None:
            (reason, *_) = evaluation.refusal[1]
            return PodReason(reason.message, reason.code, estimated=True)
        counts: Counter[NodeVerdict] = Counter()
        for _, verdict in verdicts(evaluation, sorted(seen.nodes), cache):
            counts[verdict] += 1
        return _of_verdicts(counts)


def _of_verdicts(counts: Counter[NodeVerdict]) -> PodReason:
    texts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    distances: dict[str, int] = {}
    fitting = 0
    for verdict, number in counts.items():
        if verdict.verdict == "fits":
            fitting += number
        else:
            texts[verdict.message] += number
            codes[verdict.reason] += number
            distances[verdict.message] = code_distance(verdict.reason)
    if fitting:
        return PodReason("fits, and waits for kube-scheduler", "Fits", estimated=True)
    return PodReason(grouped(0, texts, distances), nearest_code(codes) or "NoNodes", estimated=True)


def _of_decision(last: Decision) -> PodReason:
    if last.outcome in _REFUSED:
        return PodReason(last.summary, last.reason or ("BindFailed" if last.verb == "bind" else "Refused"))
    return PodReason("passed filter, and waits for kube-scheduler", "Fits")


def _characters(state: State, pod: Pod) -> int:
    """Of the claims that the kind of the Pod contains. Cost: O(claims)."""
    claims = (_claim_named(state, pod, pod.claim_name_of(entry)) for entry in pod.claims)
    return sum(claim.spec.size for claim in claims if claim is not None)


def _claim_named(state: State, pod: Pod, name: str | None) -> ResourceClaim | None:
    return state.claim((pod.meta.namespace, name)) if name else None


def _kind(state: State, pod: Pod) -> object:
    """Equal for Pods with the same reason: they differ in their names, and in those of claims without
    devices.

    Cost: O(claims).
    """
    specs: list[object] = []
    for entry in pod.claims:
        name = pod.claim_name_of(entry)
        claim = _claim_named(state, pod, name)
        if claim is None or claim.allocation is not None:
            specs.append((name, entry.template_name, claim is None))
        else:
            owner = claim.meta.controller
            mine = entry.claim_name is not None or (owner is not None and owner.uid == pod.meta.uid)
            specs.append((entry.template_name, claim.spec, mine, claim.meta.deleted))
    return (
        pod.meta.namespace,
        tuple(specs),
        pod.priority,
        tuple(sorted((name, amount.nanos) for name, amount in pod.requests.items())),
        tuple(sorted(pod.node_selector.items())),
        pod.required_affinity,
        pod.tolerations,
        pod.extended,
        pod.extended_claim,
    )
