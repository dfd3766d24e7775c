"""Explains why claims do not fit, device by device, after the search has failed.

The search itself collects no reasons, since most nodes of a large cluster are never explained.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from app.core.allocator.evidence import Evidence
from app.core.allocator.node_devices import USABLE, NodeDevices, set_up
from app.core.allocator.outcome import AllocationError, Limits, Reason
from app.core.allocator.partial_allocation import PartialAllocation
from app.core.allocator.plan import ClaimPlan, Plan, RequestPlan
from app.core.allocator.search import Search
from app.core.diagnosis.evidence import constraint_values, evidence, shortages_together
from app.core.diagnosis.exclusions import DEVICES, exclusions
from app.core.diagnosis.wording import listed, listed_constraints, listed_counters
from app.core.model.node import Node
from app.core.pauses import paced
from app.core.state.pools import Pool
from app.core.state.taken import Taken

MAX_REASONS = 100
"""Of one node. A Pod may have thousands of claims, and each reason takes half a kilobyte on each node."""

_WHAT_IF = Limits(max_steps=10_000, max_probes=200_000)


def explain_misfit(node: Node, pools: Sequence[Pool], plan: Plan, taken: Taken) -> tuple[Reason, ...]:
    """The reasons of a Misfit: the same arguments that ``allocate_planned`` got.

    Last the pools that could not be used. Before them, for each request that could not even be met alone,
    how many devices each cause excludes: ``counts`` holds ``devices`` (checked), ``wanted``,
    ``available`` and the causes by their code, for SelectorRejected also by selector; ``evidence`` names
    holders, terms of selectors, taints, and the missing amounts. If each request can be satisfied alone,
    the reason is why not together: a claim's constraints, counters, or too few devices. Of the reasons of
    requests, the first ``MAX_REASONS``.
    Cost: O(devices * alternatives), and at most claims + 3 bounded searches.
    """
    reasons = [*_pool_reasons(pools)]
    try:
        node_devices = set_up(node, pools, taken, plan)
    except AllocationError as error:
        return (*reasons, error.reason)
    empty, several = PartialAllocation(node_devices), _names_in_several(plan)
    each = (
        reason
        for claim in plan.claims
        for request in claim.requests
        for reason in _alone(node_devices, claim, request, empty, several)
    )
    alone = list(islice(each, MAX_REASONS))
    return (*(alone or _together(node_devices, pools, taken)), *reasons)


def _pool_reasons(pools: Sequence[Pool]) -> list[Reason]:
    reasons = []
    for pool in pools:
        if pool.invalid_reason is not None:
            reasons.append(Reason("PoolInvalid", f"pool {pool.id} is invalid: {pool.invalid_reason}"))
        elif pool.incomplete:
            reasons.append(Reason("PoolIncomplete", f"pool {pool.id} is incomplete: slices are missing"))
    return reasons


def _alone(
    node_devices: NodeDevices,
    claim: ClaimPlan,
    request: RequestPlan,
    empty: PartialAllocation,
    several: frozenset[str],
) -> list[Reason]:
    """Why none of the request's alternatives can be satisfied alone. Empty if one can."""
    reasons = []
    for alternative in request.alternatives:
        found = exclusions(node_devices, alternative, empty)
        if found.suffices:
            return []
        behind = evidence(found)
        of = f" of claim {claim.name}" if request.request.name in several else ""
        message = f"request {alternative.name}{of}: {listed(found, behind)}"
        counts, shown = found.counts(), behind.shortened
        reasons.append(Reason(found.code(), message, claim.name, alternative.name, counts, shown))
    return reasons


def _names_in_several(plan: Plan) -> frozenset[str]:
    """Names of requests that several claims of the Pod have. Cost: O(requests)."""
    claims = Counter(name for claim in plan.claims for name in {item.request.name for item in claim.requests})
    return frozenset(name for name, number in claims.items() if number > 1)


def _together(node_devices: NodeDevices, pools: Sequence[Pool], taken: Taken) -> list[Reason]:
    """Why requests that can be satisfied alone cannot be satisfied together, found by relaxing conditions."""
    constrained = [number for number, claim in enumerate(node_devices.plan.claims) if claim.constraints]
    for leave_out in [[number] for number in constrained] + [constrained] * (len(constrained) > 1):
        if _would_fit(node_devices, pools, taken, _without_constraints(node_devices.plan, leave_out)):
            unsatisfied = [_unsatisfied(node_devices, node_devices.plan.claims[at]) for at in leave_out]
            # With enough counters the constraints would hold: neither is the cause alone.
            drawn = _drawn(node_devices, pools, taken, node_devices.plan)
            return unsatisfied if drawn is None else [*unsatisfied, drawn]
    if groups := _groups_apart(node_devices):
        features = replace(node_devices.plan.features, compatibility_groups=False)
        if _would_fit(node_devices, pools, taken, replace(node_devices.plan, features=features)):
            return [Reason("CountersExhausted", groups)]
    drawn = _drawn(node_devices, pools, taken, node_devices.plan)
    if drawn is not None:
        return [drawn]
    relaxed = _without_constraints(node_devices.plan, constrained)
    drawn = _drawn(node_devices, pools, taken, relaxed) if constrained else None
    if drawn is not None:
        return [*(_unsatisfied(node_devices, node_devices.plan.claims[at]) for at in constrained), drawn]
    total = len(node_devices.devices)
    message = "node(s) could satisfy each request alone, but not all together"
    return [Reason("TooFewDevices", message, counts={DEVICES: total})]


def _groups_apart(node_devices: NodeDevices) -> str:
    """The compatibility groups that cannot share a counter set, of the devices that requests could use."""
    if not node_devices.plan.features.compatibility_groups:
        return ""
    groups: dict[str, set[str]] = {}
    for position, entry in enumerate(paced(node_devices.devices)):
        alternatives = node_devices.plan.alternatives
        if any(node_devices.status(alternative, position) is USABLE for alternative in alternatives):
            for item in entry.device.consumes_counters:
                names = "/".join(sorted(item.compatibility_groups)) or "none"
                groups.setdefault(item.counter_set, set()).add(names)
    apart = {counter_set: sorted(names) for counter_set, names in groups.items() if len(names) > 1}
    return "; ".join(
        f"node(s) had devices of the compatibility groups {' and '.join(names)}, which cannot share counter "
        f"set {counter_set}"
        for counter_set, names in sorted(apart.items())
    )


def _unsatisfied(node_devices: NodeDevices, claim: ClaimPlan) -> Reason:
    behind = Evidence(constraints=constraint_values(node_devices, claim))
    message = f"no set of devices satisfies the claim's constraints: {listed_constraints(behind)}"
    return Reason("ConstraintNotMet", message, claim.name, evidence=behind)


def _drawn(node_devices: NodeDevices, pools: Sequence[Pool], taken: Taken, plan: Plan) -> Reason | None:
    """That counters are short, by the first devices that fit without them; None if none do."""
    relaxed = set_up(node_devices.node, pools, taken, plan)
    relaxed.counters = False
    search = _searched(relaxed)
    if search is None:
        return None
    short = shortages_together(relaxed, {item.position for item in search.partial.assignments})
    message = f"node(s) had too few counters left for all devices together{listed_counters(short)}"
    return Reason("CountersExhausted", message, evidence=Evidence(counters=short).shortened)


def _would_fit(node_devices: NodeDevices, pools: Sequence[Pool], taken: Taken, plan: Plan) -> bool:
    return _searched(set_up(node_devices.node, pools, taken, plan)) is not None


def _searched(relaxed: NodeDevices) -> Search | None:
    """The search that has found devices, or None."""
    search = Search(relaxed, _WHAT_IF)
    try:
        search.run()
    except AllocationError:
        return None  # too much work, or an error hidden by the constraint: unknown
    return search if search.found else None


def _without_constraints(plan: Plan, claims: Iterable[int]) -> Plan:
    relaxed_claims = set(claims)
    alternatives = [
        replace(alternative, constraints=()) if alternative.claim_index in relaxed_claims else alternative
        for alternative in paced(plan.alternatives)
    ]
    relaxed = tuple(
        replace(
            claim,
            requests=tuple(
                replace(
                    request,
                    alternatives=tuple(
                        alternatives[alternative.index] for alternative in request.alternatives
                    ),
                )
                for request in claim.requests
            ),
        )
        for claim in paced(plan.claims)
    )
    return replace(plan, claims=relaxed, alternatives=tuple(alternatives))
