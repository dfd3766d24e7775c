"""A Pod, the cluster and the rules, to evaluate changes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from app.core.model.pod import Pod
from app.core.model.pod_claim import PodClaim
from app.core.model.resource_claim import ClaimSpec, DeviceRequest, RequestSpec, ResourceClaim
from app.core.model.resource_slice import DeviceId, ResourceSlice
from app.core.pauses import FEW, paced
from app.core.placement.pod_claims import HeldClaim, UnschedulableError, claims_of
from app.core.placement.rules import Rules
from app.core.state.state import State

Key = tuple[str, str]


@dataclass(slots=True, eq=False)
class Hypothesis:
    """The input of an evaluation.

    ``state`` is a fork. ``ignored_claims`` are claims (namespace/name) whose release is not proposed: a
    dry run created them.
    """

    state: State
    pod: Pod
    rules: Rules
    ignored_claims: frozenset[str] = frozenset()

    def fork(self) -> "Hypothesis":
        """An independent copy. Cost: O(objects)."""
        return Hypothesis(self.state.fork(), self.pod, self.rules, self.ignored_claims)


def claim_of(hypothesis: Hypothesis, name: str) -> ResourceClaim | None:
    """The Pod's claim by namespace/name, also if it is not created from its template yet."""
    return next((item.claim for item in claims_held(hypothesis) if "/".join(item.key) == name), None)


def claims_held(hypothesis: Hypothesis) -> tuple[HeldClaim, ...]:
    """The Pod's claims; none if they are invalid."""
    try:
        return claims_of(hypothesis.state, hypothesis.pod, hypothesis.rules)
    except UnschedulableError:
        return ()


def claim_of_key(hypothesis: Hypothesis, name: str) -> ResourceClaim | None:
    """Any claim by namespace/name."""
    namespace, _, rest = name.partition("/")
    return hypothesis.state.claim((namespace, rest))


def apart(hypothesis: Hypothesis, name: str, has: Callable[[ClaimSpec], bool]) -> str:
    """Distinguishes a claim (namespace/name) from the Pod's others that have the same.

    Returns: `` of template t`` or the like, or nothing. Cost: O(claims of the Pod).
    """
    entries = {entry.name: entry for entry in hypothesis.pod.claims}
    origins = {
        "/".join(held.key): _origin(entries.get(held.pod_claim), held)
        for held in claims_held(hypothesis)
        if has(held.claim.spec)
    }
    return f" of {origins[name]}" if name in origins and len(set(origins.values())) > 1 else ""


def _origin(entry: PodClaim | None, held: HeldClaim) -> str:
    """The object to edit to change the claim. ``entry``: of the Pod, if the claim is from one."""
    if held.generated and entry is not None and entry.template_name:
        return f"template {entry.template_name}"
    return f"claim {'/'.join(held.key)}"


def edit_spec(hypothesis: Hypothesis, name: str, edit: Callable[[ClaimSpec], ClaimSpec]) -> None:
    """Changes the spec of one of the Pod's claims: in the claim, or in its template.

    Has no effect if an earlier change has removed the Pod's claims.
    """
    state, pod = hypothesis.state, hypothesis.pod
    for held in claims_held(hypothesis):
        if "/".join(held.key) != name:
            continue
        if not held.generated:
            state.upsert(replace(held.claim, spec=edit(held.claim.spec)))
            return
        entry = next(item for item in pod.claims if item.name == held.pod_claim)
        template = state.templates[pod.meta.namespace, entry.template_name or ""]
        state.upsert(replace(template, spec=edit(template.spec)))
        return


def edit_request(
    hypothesis: Hypothesis, claim: str, request: str, edit: Callable[[RequestSpec], RequestSpec]
) -> None:
    """Changes one request, or one of its subrequests (request/subrequest)."""
    name, _, sub = request.partition("/")

    def edited(item: DeviceRequest) -> DeviceRequest:
        if item.name != name:
            return item
        if item.exactly is not None:
            return replace(item, exactly=edit(item.exactly))
        options = tuple(edit(spec) if spec.name == sub else spec for spec in item.first_available)
        return replace(item, first_available=options)

    edit_spec(hypothesis, claim, lambda spec: replace(spec, requests=tuple(map(edited, spec.requests))))


def request_of(claim: ResourceClaim, request: str) -> RequestSpec | None:
    """One request of a claim, or one of its subrequests."""
    name, _, sub = request.partition("/")
    for item in claim.spec.requests:
        if item.name == name:
            return item.exactly or next((spec for spec in item.first_available if spec.name == sub), None)
    return None


def release(hypothesis: Hypothesis, claims: Iterable[str]) -> None:
    """Removes the claims (namespace/name) and frees their devices, with pauses: they may be all of a pool."""
    for name in paced(claims, 1):
        namespace, _, rest = name.partition("/")
        hypothesis.state.delete("ResourceClaim", (namespace, rest))


def deallocate(hypothesis: Hypothesis, name: str) -> None:
    """Deallocates a claim, and removes all its Pods but this one."""
    namespace, _, rest = name.partition("/")
    key = (namespace, rest)
    claim = hypothesis.state.stored_claim(key)
    if claim is not None:
        hypothesis.state.forget(key)
        meta = replace(claim.meta, deleted=None)
        hypothesis.state.upsert(replace(claim, meta=meta, allocation=None, reserved_for=()))


def add_devices(hypothesis: Hypothesis, like: DeviceId, number: int) -> None:
    """Adds copies of a device, free and without taints."""
    slice_ = slice_with(hypothesis.state, like)
    if slice_ is None:
        return
    model = next(device for device in slice_.devices if device.name == like.device)
    more = tuple(
        replace(model, name=f"{model.name}-more-{index}", taints=()) for index in range(1, number + 1)
    )
    hypothesis.state.upsert(replace(slice_, devices=(*slice_.devices, *more)))


def slice_with(state: State, device: DeviceId) -> ResourceSlice | None:
    """The newest slice that publishes a device, as published."""
    found = [
        state.inventory.slices[item.meta.name]
        for item in state.inventory.pool_slices(device.pool_id)
        if any(candidate.name == device.device for candidate in item.devices)
    ]
    return max(found, key=lambda item: item.generation, default=None)


def holders_on(hypothesis: Hypothesis, node: str) -> list[str]:
    """Other claims that hold devices a node can use, those with most devices first."""
    counts: dict[str, int] = {}
    own = {"/".join(held.key) for held in claims_held(hypothesis)}
    for pool in hypothesis.state.inventory.pools(node, hypothesis.rules.features):
        taken = hypothesis.state.taken.get(pool.id)
        for holdings in paced(taken.holdings.values() if taken is not None else (), FEW):
            for holding in holdings:
                name = "/".join(holding.claim)
                if (
                    not holding.admin
                    and not holding.nominated
                    and name not in hypothesis.ignored_claims
                    and name not in own
                ):
                    counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: (-counts[name], name))
