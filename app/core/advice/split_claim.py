"""A claim for more devices than one can hold, as two."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.core.advice.change import Change
from app.core.advice.hypothesis import Hypothesis, claims_held
from app.core.model.meta import Meta
from app.core.model.pod_claim import PodClaim
from app.core.model.resource_claim import MAX_DEVICES, ClaimSpec, DeviceRequest
from app.core.placement.pod_claims import HeldClaim

_WEIGHT = 8


def split_claim(hypothesis: Hypothesis, claim: str) -> Iterator[Change]:
    """The change that a claim (namespace/name) of the Pod is two; none if its requests cannot be parted.

    Requests that a constraint compares stay together. Cost: O(requests times constraints).
    """
    held = next((item for item in claims_held(hypothesis) if "/".join(item.key) == claim), None)
    parts = _parts(held.claim.spec) if held is not None else None
    if held is None or parts is None:
        return
    sizes = [sum(map(_least, part)) for part in parts]
    text = f"with the requests of claim {claim} in two claims, for {sizes[0]} and {sizes[1]} devices"
    data = {"claim": claim, "requests": [[item.name for item in part] for part in parts]}
    specs = [_of(held.claim.spec, part) for part in parts]
    yield Change("SplitClaim", text, data, _WEIGHT, lambda changed: _apply(changed, held, specs))


def _parts(spec: ClaimSpec) -> tuple[list[DeviceRequest], list[DeviceRequest]] | None:
    """The requests in two parts that a claim can hold each, in their order."""
    first: list[DeviceRequest] = []
    second: list[DeviceRequest] = []
    for group in _groups(spec):
        size = sum(map(_least, group))
        part = first if not second and sum(map(_least, first)) + size <= MAX_DEVICES else second
        part += group
    fits = all(0 < sum(map(_least, part)) <= MAX_DEVICES for part in (first, second))
    return (first, second) if fits else None


def _groups(spec: ClaimSpec) -> list[list[DeviceRequest]]:
    """Requests that constraints tie to each other, each group where its first one stands."""
    groups = [[request] for request in spec.requests]
    for constraint in spec.constraints:
        names = {name.partition("/")[0] for name in constraint.requests}
        tied = [group for group in groups if not names or any(item.name in names for item in group)]
        for group in tied[1:]:
            tied[0].extend(group)
            groups.remove(group)
    return groups


def _least(request: DeviceRequest) -> int:
    """The fewest devices that meet a request."""
    specs = request.first_available if request.exactly is None else (request.exactly,)
    return min((spec.count if spec.allocation_mode == "ExactCount" else 1 for spec in specs), default=0)


def _of(spec: ClaimSpec, part: Sequence[DeviceRequest]) -> ClaimSpec:
    """The part of a claim that is about some of its requests."""
    names = {request.name for request in part}

    def about(requests: Sequence[str]) -> bool:
        return not requests or any(name.partition("/")[0] in names for name in requests)

    return ClaimSpec(
        requests=tuple(request for request in spec.requests if request.name in names),
        constraints=tuple(item for item in spec.constraints if about(item.requests)),
        config=tuple(
            replace(item, requests=tuple(name for name in item.requests if name.partition("/")[0] in names))
            for item in spec.config
            if about(item.requests)
        ),
    )


def _apply(hypothesis: Hypothesis, held: HeldClaim, specs: Sequence[ClaimSpec]) -> None:
    pod, state = hypothesis.pod, hypothesis.state
    entry = next((item for item in pod.claims if item.name == held.pod_claim), None)
    if entry is None:
        return
    second = f"{entry.name}-2"
    if held.generated and entry.template_name is not None:
        template = state.templates[pod.meta.namespace, entry.template_name]
        meta = Meta(f"{entry.template_name}-2", pod.meta.namespace)
        state.upsert(replace(template, spec=specs[0]))
        state.upsert(replace(template, meta=meta, spec=specs[1]))
        more = PodClaim(second, template_name=meta.name)
    else:
        meta = Meta(f"{held.claim.meta.name}-2", pod.meta.namespace)
        state.upsert(replace(held.claim, spec=specs[0]))
        state.upsert(replace(held.claim, meta=meta, spec=specs[1]))
        more = PodClaim(second, claim_name=meta.name)
    hypothesis.pod = replace(pod, claims=(*pod.claims, more))
