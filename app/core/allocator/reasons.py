"""Why the claims do not fit: counted device by device, after the search has said so.

The search itself does not count, since most nodes of a large cluster are never asked about.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from app.core.allocator.board import USABLE, Board, set_up
from app.core.allocator.outcome import InputError, Limits, Reason
from app.core.allocator.plan import ClaimPlan, Plan, RequestPlan, Variant
from app.core.allocator.search import Search
from app.core.allocator.trial import Trial
from app.core.model.node import Node
from app.core.state.pools import Pool
from app.core.state.taken import Taken

AVAILABLE = "available"
WANTED = "wanted"
DEVICES = "devices"
_WHAT_IF = Limits(max_steps=10_000, max_probes=200_000)
_NEAR_MISSES = (
    "DevicesInUse",
    "CapacityTooSmall",
    "CountersExhausted",
    "DeviceTainted",
    "ConstraintNotMet",
    "NodeUnsuited",
    "FeatureDisabled",
    "OtherNode",
    "SelectorFailed",
)
_TEXTS = {
    "DevicesInUse": "matching devices are in use",
    "CapacityTooSmall": "matching devices have too little capacity",
    "CountersExhausted": "matching devices need counters that are used up",
    "DeviceTainted": "matching devices have taints that are not tolerated",
    "ConstraintNotMet": "matching devices lack what a constraint compares",
    "NodeUnsuited": "matching devices need a feature that the node has not declared",
    "FeatureDisabled": "devices need a feature that is disabled",
    "OtherNode": "matching devices are for other nodes",
    "SelectorFailed": "devices make a selector fail",
    "SelectorRejected": "no device matches",
    "TooFewDevices": "too few devices match",
    "NoDevices": "there are no devices",
}


def explain_misfit(node: Node, pools: Sequence[Pool], plan: Plan, taken: Taken) -> tuple[Reason, ...]:
    """The reasons of a Misfit: the same arguments that ``allocate_planned`` got.

    First the pools that could not be used. Then, for each request that could not even be met alone,
    how many devices each cause struck out: ``counts`` holds ``devices`` (looked at), ``wanted``,
    ``available`` and the causes by their code, for SelectorRejected also by selector. If every
    request could be met alone, what keeps them from being met together: a claim's constraints,
    counters, or too few devices.
    Cost: O(devices times variants), and at most claims + 2 bounded searches.
    """
    reasons = [*_pool_reasons(pools)]
    try:
        board = set_up(node, pools, taken, plan)
    except InputError as error:
        return (*reasons, error.reason)
    alone = [
        reason
        for claim in plan.claims
        for request in claim.requests
        for reason in _alone(board, claim, request)
    ]
    return (*reasons, *(alone or _together(board, pools, taken)))


def _pool_reasons(pools: Sequence[Pool]) -> list[Reason]:
    reasons = []
    for pool in pools:
        if pool.invalid_reason is not None:
            reasons.append(Reason("PoolInvalid", f"pool {pool.id} is invalid: {pool.invalid_reason}"))
        elif pool.incomplete:
            reasons.append(Reason("PoolIncomplete", f"pool {pool.id} is being updated: slices are missing"))
    return reasons


def _alone(board: Board, claim: ClaimPlan, request: RequestPlan) -> list[Reason]:
    """Why none of the request's variants could be met if it were the only one. Empty: one could."""
    reasons = []
    for variant in request.variants:
        counts = _count(board, variant)
        if counts[AVAILABLE] >= counts[WANTED] and (counts[WANTED] or not variant.takes_all):
            return []
        code = _code(counts)
        message = f"request {variant.name}: {_TEXTS[code]}: {_listed(counts)}"
        reasons.append(Reason(code, message, claim.name, variant.name, dict(counts)))
    return reasons


def _count(board: Board, variant: Variant) -> "Counter[str]":
    positions = board.members[variant.index] if variant.takes_all else range(len(board.devices))
    causes = Counter(_cause(board, variant, position) for position in positions)
    if variant.takes_all and not positions:  # say why nothing is a member
        causes = Counter(_cause(board, variant, position) for position in range(len(board.devices)))
    for code in list(causes):
        if code.startswith("SelectorRejected "):
            causes["SelectorRejected"] += causes[code]
    causes[AVAILABLE] += 0
    causes[DEVICES] = len(board.devices)
    causes[WANTED] = board.wanted[variant.index]
    return causes


def _cause(board: Board, variant: Variant, position: int) -> str:
    """Why the request cannot use the device, the selectors first: a person asks what would match."""
    selected = board.selected(variant, position)
    if isinstance(selected, Reason):
        return "SelectorFailed"
    if selected == "SelectorRejected":
        number = variant.matcher.verdict(board.shapes[position])
        if isinstance(number, int):
            return f"SelectorRejected {variant.matcher.selectors[number].where}"
    if selected is not USABLE:
        return str(selected)
    status = board.status(variant, position)
    if status is not USABLE:
        return "CapacityTooSmall" if isinstance(status, Reason) else str(status)
    trial = Trial(board)
    try:
        cause = trial.take(variant, position)
    except InputError as error:
        return error.reason.code
    if cause is None:
        trial.undo()  # counters belong to the board
    return cause or AVAILABLE


def _code(counts: "Counter[str]") -> str:
    cause, number = max(((code, counts[code]) for code in _NEAR_MISSES), key=lambda item: item[1])
    if number:
        return cause
    if counts[AVAILABLE]:
        return "TooFewDevices"
    return "SelectorRejected" if counts[DEVICES] else "NoDevices"


def _listed(counts: "Counter[str]") -> str:
    causes = ", ".join(
        f"{number} {code}"
        for code, number in sorted(counts.items())
        if number and code not in (AVAILABLE, WANTED, DEVICES) and " " not in code
    )
    text = f"{counts[AVAILABLE]} available of {counts[DEVICES]}, {counts[WANTED]} wanted"
    return f"{text} ({causes})" if causes else text


def _together(board: Board, pools: Sequence[Pool], taken: Taken) -> list[Reason]:
    """What keeps requests apart that could each be met alone: found out by leaving things out."""
    constrained = [number for number, claim in enumerate(board.plan.claims) if claim.constraints]
    for leave_out in [[number] for number in constrained] + [constrained] * (len(constrained) > 1):
        if _would_fit(board, pools, taken, _without_constraints(board.plan, leave_out)):
            return [
                Reason(
                    "ConstraintNotMet",
                    "no devices satisfy the claim's constraints together",
                    board.plan.claims[number].name,
                )
                for number in leave_out
            ]
    if _would_fit(board, pools, taken, board.plan, counters=False):
        return [Reason("CountersExhausted", "together, the devices need more counters than are left")]
    total = len(board.devices)
    message = "each request could be met alone, but not all of them together"
    return [Reason("TooFewDevices", message, counts={DEVICES: total})]


def _would_fit(
    board: Board, pools: Sequence[Pool], taken: Taken, plan: Plan, *, counters: bool = True
) -> bool:
    relaxed = set_up(board.node, pools, taken, plan)
    relaxed.counters = counters
    search = Search(relaxed, _WHAT_IF)
    try:
        for _ in search.run():
            pass
    except InputError:
        return False  # too much work, or an error behind the constraint: no answer to "what if"
    return search.found


def _without_constraints(plan: Plan, claims: Sequence[int]) -> Plan:
    variants = [
        replace(variant, constraints=()) if variant.claim_index in claims else variant
        for variant in plan.variants
    ]
    relaxed = tuple(
        replace(
            claim,
            requests=tuple(
                replace(request, variants=tuple(variants[variant.index] for variant in request.variants))
                for request in claim.requests
            ),
        )
        for claim in plan.claims
    )
    return replace(plan, claims=relaxed, variants=tuple(variants))
