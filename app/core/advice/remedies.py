"""From the reasons of one node to changes that are worth a question: whether they help, the answer tells."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from itertools import chain

from app.core.advice import hypothesis as scenes
from app.core.advice import request_changes as requests
from app.core.advice.change import Change
from app.core.advice.hypothesis import Scene
from app.core.advice.node_changes import NODE_CHANGES
from app.core.allocator import Reason
from app.core.model.device_class import DeviceClass
from app.core.model.features import NAMES
from app.core.model.meta import Meta
from app.core.model.resource_claim import MAX_DEVICES, ClaimSpec, Constraint
from app.core.model.resource_slice import DeviceId

MOST_HOLDERS = 8
_MOST_CLASSES = 6
_OTHER_CLASS = 42


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason of one node, in its scene."""

    scene: Scene
    node: str
    reason: Reason


Proposer = Callable[[Refusal], Iterator[Change]]


def proposals(scene: Scene, node: str, reasons: tuple[Reason, ...]) -> list[Change]:
    """Changes that may lift one of the reasons, the lightest first, each once. O(reasons times holders)."""
    found: dict[tuple[str, str], Change] = {}
    for reason in reasons:
        refusal = Refusal(scene, node, reason)
        for change in chain.from_iterable(propose(refusal) for propose in _PROPOSERS.get(reason.code, ())):
            found.setdefault((change.code, change.text), change)
    return sorted(found.values(), key=lambda change: change.weight)


def _has_constraint(constraint: Constraint, spec: ClaimSpec) -> bool:
    return constraint in spec.constraints


def _asked(scene: Scene, claim: str, request: str) -> requests.Asked:
    name = request.partition("/")[0]
    of = scenes.apart(scene, claim, lambda spec: any(item.name == name for item in spec.requests))
    return requests.Asked(claim, request, of)


def _about_request(refusal: Refusal) -> Iterator[Change]:
    reason = refusal.reason
    if reason.claim is None or reason.request is None:
        return
    claim = scenes.claim_of(refusal.scene, reason.claim)
    spec = scenes.request_of(claim, reason.request) if claim is not None else None
    if spec is not None:
        yield from requests.changes(reason, _asked(refusal.scene, reason.claim, reason.request), spec)


def _free(refusal: Refusal) -> Iterator[Change]:
    """One claim to go, or all of the node: which of them are needed is found out later."""
    spared = refusal.scene.spared
    named = [item.claim for item in refusal.reason.evidence.holders if item.claim not in spared]
    holders = list(dict.fromkeys([*named, *scenes.holders_on(refusal.scene, refusal.node)]))
    for number, claim in enumerate(holders[:MOST_HOLDERS]):
        yield free([claim], 30 + number)
    if len(holders) > 1:
        yield free(holders, 60)


def free(claims: list[str], weight: int) -> Change:
    """The change that these claims are gone, and what they hold is free."""
    names = ", ".join(claims)
    text = f"if claim {names} were gone" if len(claims) == 1 else f"if the claims {names} were gone"
    return Change(
        "FreeDevices", text, {"claims": claims}, weight, lambda scene: scenes.release(scene, claims)
    )


def _add(refusal: Refusal) -> Iterator[Change]:
    reason = refusal.reason
    number = reason.counts.get("wanted", 0) - reason.counts.get("available", 0)
    if not reason.evidence.example or not 1 <= number <= MAX_DEVICES:
        return
    like = DeviceId(*reason.evidence.example.split("/", 2)) if _plain(reason.evidence.example) else None
    if like is None:
        return
    more = "one device more" if number == 1 else f"{number} devices more"
    text = f"with {more} like {like.device} of pool {like.pool}"
    data = {"driver": like.driver, "pool": like.pool, "device": like.device, "count": number}
    yield Change("AddDevices", text, data, 50, lambda scene: scenes.add_devices(scene, like, number))


def _plain(name: str) -> bool:
    return name.count("/") == 2  # a pool's name may have slashes of its own


def _classes(refusal: Refusal) -> Iterator[Change]:
    reason, classes = refusal.reason, refusal.scene.state.classes
    if reason.claim is None or reason.request is None:
        return
    claim, request = reason.claim, reason.request
    held = scenes.claim_of(refusal.scene, claim)
    spec = scenes.request_of(held, request) if held is not None else None
    if spec is None:
        return
    wrong = spec.device_class
    # A class that there is was not misspelt: another one gives other devices, which is no light change.
    close = [] if wrong in classes else get_close_matches(wrong, classes, _MOST_CLASSES, 0.6)
    others = [name for name in sorted(classes) if name not in close and name != wrong]
    for number, name in enumerate([*close, *others][:_MOST_CLASSES]):
        if name != wrong:
            weight = (5 if name in close else _OTHER_CLASS if wrong in classes else 25) + number
            yield _asked(refusal.scene, claim, request).use_class(name, weight)
    if wrong and wrong not in classes:
        made = DeviceClass(Meta(wrong))
        text = f"with a DeviceClass {wrong} that selects devices of the inventory"
        yield Change("CreateClass", text, {"class": wrong}, 10, lambda scene: scene.state.upsert(made))


def _names(refusal: Refusal) -> Iterator[Change]:
    """Claims and templates of other names, those that look like what was meant."""
    scene = refusal.scene
    namespace = scene.pod.meta.namespace
    for number, entry in enumerate(scene.pod.claims):
        field, kind, there = (
            ("claim_name", "ResourceClaim", {claim.meta.key for claim in scene.state.claims()})
            if entry.claim_name is not None
            else ("template_name", "ResourceClaimTemplate", set(scene.state.templates))
        )
        name = entry.claim_name or entry.template_name or ""
        known = sorted(other for space, other in there if space == namespace)
        if name in known:
            continue
        for other in get_close_matches(name, known, 3, 0.6):
            text = f"with {kind} {other} instead of {name}"
            data = {"podClaim": entry.name, "kind": kind, "name": other}
            yield Change("UseOther", text, data, 4, _renaming(number, field, other))


def _renaming(number: int, field: str, name: str) -> Callable[[Scene], None]:
    def apply(scene: Scene) -> None:
        claims = list(scene.pod.claims)
        # mypy cannot see that the field is one of PodClaim's two names.
        claims[number] = replace(claims[number], **{field: name})
        scene.pod = replace(scene.pod, claims=tuple(claims))

    return apply


def _generate(refusal: Refusal) -> Iterator[Change]:
    def apply(scene: Scene) -> None:
        scene.rules = replace(scene.rules, generate_claims=True)
        scene.pod = replace(scene.pod, claim_statuses={})

    if not refusal.scene.rules.generate_claims or refusal.scene.pod.claim_statuses:
        text = "once kube-controller-manager has made its claims"
        yield Change("GenerateClaims", text, {}, 1, apply)


def _anew(refusal: Refusal) -> Iterator[Change]:
    claim = refusal.reason.claim
    if claim is not None:
        text = f"if claim {claim} were free to be allocated anew"
        change = Change(
            "Deallocate", text, {"claim": claim}, 20, lambda scene: scenes.deallocate(scene, claim)
        )
        yield change


def _seat(refusal: Refusal) -> Iterator[Change]:
    claim = refusal.reason.claim
    if claim is None:
        return

    def apply(scene: Scene) -> None:
        held = scenes.claim_of_key(scene, claim)
        if held is not None:
            scene.state.upsert(replace(held, reserved_for=held.reserved_for[:-1]))

    yield Change("FreeSeat", f"if one Pod less used claim {claim}", {"claim": claim}, 15, apply)


def _constraint(refusal: Refusal) -> Iterator[Change]:
    reason = refusal.reason
    claim = scenes.claim_of(refusal.scene, reason.claim) if reason.claim is not None else None
    if claim is None or reason.claim is None:
        return
    for number, constraint in enumerate(claim.spec.constraints):
        has = partial(_has_constraint, constraint)
        of = scenes.apart(refusal.scene, reason.claim, has)
        yield requests.drop_constraint(reason.claim, number, constraint, of)
    if reason.request is None:
        for item in claim.spec.requests:
            if item.exactly is not None:
                asked = _asked(refusal.scene, reason.claim, item.name)
                yield from asked.fewer(item.exactly, item.exactly.count - 1)


def _together(refusal: Refusal) -> Iterator[Change]:
    """No request is to blame alone: fewer devices for any of them."""
    if refusal.reason.request is not None:
        return
    for entry in refusal.scene.pod.claims:
        names = (entry.claim_name, f"{refusal.scene.pod.meta.name}-{entry.name}")
        for name in names:
            claim = f"{refusal.scene.pod.meta.namespace}/{name}"
            held = scenes.claim_of(refusal.scene, claim) if name else None
            for item in held.spec.requests if held is not None else ():
                if item.exactly is not None:
                    asked = _asked(refusal.scene, claim, item.name)
                    yield from asked.fewer(item.exactly, item.exactly.count - 1)


def _features(refusal: Refusal) -> Iterator[Change]:
    features = refusal.scene.rules.features
    for name, field in NAMES.items():
        if not getattr(features, field):
            yield Change(
                "EnableFeature", f"with the feature {name} on", {"feature": name}, 40, _switching(name)
            )


def _switching(name: str) -> Callable[[Scene], None]:
    def apply(scene: Scene) -> None:
        scene.rules = replace(scene.rules, features=scene.rules.features.switched({name: True}))

    return apply


def _complete(refusal: Refusal) -> Iterator[Change]:
    """A pool that is being updated, as if the slices there are were all."""
    scene = refusal.scene
    for pool in scene.state.inventory.pools(refusal.node, scene.rules.features):
        if not pool.incomplete:
            continue
        names = [item.meta.name for item in scene.state.inventory.pool_slices(pool.id)]

        def apply(changed: Scene, names: list[str] = names) -> None:
            slices = [changed.state.inventory.slices[name] for name in names]
            newest = max(item.generation for item in slices)
            current = [item for item in slices if item.generation == newest]
            for item in current:
                changed.state.upsert(replace(item, slice_count=len(current)))

        text = f"once the driver has published all slices of pool {pool.id}"
        yield Change("CompletePool", text, {"pool": str(pool.id)}, 3, apply)


def _about_node(refusal: Refusal) -> Iterator[Change]:
    yield from NODE_CHANGES[refusal.reason.code](refusal.scene, refusal.node, refusal.reason)


_HELD = (_about_request, _free, _add)
_PROPOSERS: dict[str, tuple[Proposer, ...]] = {
    "DevicesInUse": _HELD,
    "CapacityTooSmall": _HELD,
    "CountersExhausted": (*_HELD, _together),
    "DeviceTainted": _HELD,
    "TooFewDevices": (*_HELD, _classes, _together),
    "ConstraintNotMet": (_about_request, _constraint, _free, _add),
    "SelectorRejected": (_about_request, _classes),
    "NoDevices": (_classes,),
    "SelectorFailed": (_about_request,),
    "SelectorBroken": (_about_request,),
    "FeatureDisabled": (_features, _about_request),
    "TooManyDevices": (_about_request,),
    "ClassNotFound": (_classes,),
    "PoolIncomplete": (_complete,),
    "ClaimNotFound": (_names,),
    "TemplateNotFound": (_names,),
    "WaitingForClaim": (_generate,),
    "ClaimDeleted": (_anew,),
    "ClaimOnOtherNode": (_anew,),
    "BindingFailed": (_anew,),
    "BindingTimedOut": (_anew,),
    "ClaimInUse": (_seat,),
    **dict.fromkeys(NODE_CHANGES, (_about_node,)),
}
