"""Finds claims that this inventory can never satisfy: too few devices, or none that match.

The allocator tries them with all devices free and all taints tolerated: a claim that does not fit then
never fits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from app.core.allocator import Reason
from app.core.diagnosis import summary
from app.core.model.errors import ObjectError
from app.core.model.features import Features
from app.core.model.meta import Meta
from app.core.model.parse import is_of, parse
from app.core.model.pod import Pod
from app.core.model.pod_claim import PodClaim
from app.core.model.resource_claim import ClaimSpec, DeviceRequest, RequestSpec, ResourceClaim
from app.core.model.resource_claim import ResourceClaimTemplate as Template
from app.core.model.taints import Toleration
from app.core.model.workload import Workload
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from app.manifests.validation.shapes import Path, claim_devices, items, requests

_KINDS = frozenset({"Node", "ResourceSlice", "DeviceClass"})
_ABOUT_DEVICES = frozenset(
    {
        "SelectorRejected",
        "TooFewDevices",
        "NoDevices",
        "ConstraintNotMet",
        "CapacityTooSmall",
        "CountersExhausted",  # nothing draws from them here
    }
)
_EVERYTHING = Toleration(operator="Exists")


def impossible(
    own: Sequence[Any], inventory: Sequence[Any], selectors: SelectorCache, features: Features
) -> Iterator[tuple[int, Path, str]]:
    """The position of an object in ``own``, the request's path, and why no node has devices for it.

    Cost: O(nodes) searches a claim or template.
    """
    state = State()
    for raw in (*inventory, *own):
        item = _parsed(raw) if is_of(raw, _KINDS) else None
        if item is not None and not isinstance(item, Workload):
            state.upsert(item)
    if not state.nodes or not state.inventory.slices:
        return
    numbers = count()
    rules = Rules(selectors, lambda: f"share-{next(numbers)}", features)
    for index, raw in enumerate(own):
        item = _parsed(raw)
        if isinstance(item, ResourceClaim | Template):
            reasons = _refusals(state, item.spec, rules)
            if reasons:
                text = "no node of the inventory has enough matching devices, even if all were free"
                yield index, _place(raw, reasons), f"{text}: {summary(0, reasons)}"


def _parsed(raw: Any) -> Any:
    try:
        return parse(raw)
    except ObjectError:
        return None  # reported separately


def _refusals(state: State, spec: ClaimSpec, rules: Rules) -> list[tuple[Reason, ...]]:
    """The reasons of each node; empty if one fits, or if devices are not the reason."""
    fork = state.fork()
    meta = Meta("check", "check")
    fork.upsert(ResourceClaim(meta, _tolerant(spec)))
    evaluation = PodEvaluation(fork, Pod(meta, claims=(PodClaim("claim", claim_name="check"),)), rules)
    results = evaluation.answers(sorted(state.nodes))
    answers = [evaluation.explained(answer) for answer in results]
    if any(answer.verdict == "fits" for answer in answers):
        return []
    reasons = [answer.reasons for answer in answers if answer.verdict == "misfit"]
    about = {reason.code for found in reasons for reason in found}
    return reasons if len(reasons) == len(answers) and about <= _ABOUT_DEVICES else []


def _tolerant(spec: ClaimSpec) -> ClaimSpec:
    def tolerating(item: RequestSpec) -> RequestSpec:
        return replace(item, tolerations=(_EVERYTHING,))

    def edited(request: DeviceRequest) -> DeviceRequest:
        exactly = tolerating(request.exactly) if request.exactly is not None else None
        return replace(
            request, exactly=exactly, first_available=tuple(map(tolerating, request.first_available))
        )

    return replace(spec, requests=tuple(map(edited, spec.requests)))


def _place(raw: Any, reasons: Sequence[Sequence[Reason]]) -> Path:
    """The place of the request that does not fit, of the constraint that keeps all together from fitting, or
    of the first request.
    """
    named = next((reason.request for found in reasons for reason in found if reason.request), None)
    places = list(requests(raw))
    for path, request in places:
        if named is not None and request.get("name") == named.partition("/")[0]:
            return path
    unmet = {str(item) for found in reasons for reason in found for item in reason.evidence.constraints}
    path, devices = claim_devices(raw)
    for place, constraint in items(devices, "constraints", path):
        if any(f"{kind} {attribute}" in unmet for kind, attribute in constraint.items()):
            return place
    return places[0][0] if places else ()
