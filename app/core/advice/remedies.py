"""Proposes changes for the reasons of one node. An evaluation then shows whether they help."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import partial
from heapq import nlargest
from itertools import chain

from app.core.advice import hypothesis as scenes
from app.core.advice import request_changes as requests
from app.core.advice.change import Change
from app.core.advice.hypothesis import Hypothesis
from app.core.advice.node_changes import NODE_CHANGES
from app.core.advice.split_claim import split_claim
from app.core.allocator import Reason
from app.core.model.device_class import DeviceClass
from app.core.model.features import NAMES
from app.core.model.meta import Meta
from app.core.model.resource_claim import MAX_DEVICES, ClaimSpec, Constraint
from app.core.model.resource_slice import DeviceId
from app.core.pauses import paced

MAX_HOLDERS = 8
MAX_NAMED = 20
"""Claims that a text names; the data have all."""
_MAX_CLASSES = 6
_OTHER_CLASS = 42
_SAME_NAME, _SAME_DOMAIN = 0.6, 0.8
"""Similarity above which a name, or a domain, counts as a misspelling of another."""
_MAX_SIMILAR = 3
"""Names proposed instead of one that does not exist."""
_MAX_NAMES = 16
"""Claims and templates of a Pod that do not exist, and for which others are proposed."""
_COMPARED = 16
"""Names compared between two pauses: 20 us each."""
_DRIVER = re.compile(r"""device\.driver\s*==\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class NodeMisfit:
    """A reason of one node, with its hypothesis."""

    hypothesis: Hypothesis
    node: str
    reason: Reason


Proposer = Callable[[NodeMisfit], Iterator[Change]]


def remedies(hypothesis: Hypothesis, node: str, reasons: tuple[Reason, ...]) -> list[Change]:
    """Changes that may remove one of the reasons, the lightest first, each once.

    Cost: O(reasons * holders).
    """
    found: dict[tuple[str, str], Change] = {}
    for reason in reasons:
        misfit = NodeMisfit(hypothesis, node, reason)
        for change in chain.from_iterable(propose(misfit) for propose in _PROPOSERS.get(reason.code, ())):
            found.setdefault((change.code, change.text), change)
    return sorted(found.values(), key=lambda change: change.weight)


def _has_constraint(constraint: Constraint, spec: ClaimSpec) -> bool:
    return constraint in spec.constraints


def _target(hypothesis: Hypothesis, claim: str, request: str) -> requests.RequestTarget:
    name = request.partition("/")[0]
    of = scenes.apart(hypothesis, claim, lambda spec: any(item.name == name for item in spec.requests))
    return requests.RequestTarget(claim, request, of)


def _about_request(misfit: NodeMisfit) -> Iterator[Change]:
    reason = misfit.reason
    if reason.claim is None or reason.request is None:
        return
    claim = scenes.claim_of(misfit.hypothesis, reason.claim)
    spec = scenes.request_of(claim, reason.request) if claim is not None else None
    if spec is not None:
        yield from requests.changes(reason, _target(misfit.hypothesis, reason.claim, reason.request), spec)


def _free(misfit: NodeMisfit) -> Iterator[Change]:
    """Release one claim, or all of the node: later steps find the needed ones."""
    ignored_claims = misfit.hypothesis.ignored_claims
    named = [item.claim for item in misfit.reason.evidence.holders if item.claim not in ignored_claims]
    holders = list(dict.fromkeys([*named, *scenes.holders_on(misfit.hypothesis, misfit.node)]))
    for number, claim in enumerate(holders[:MAX_HOLDERS]):
        yield free([claim], 30 + number)
    if len(holders) > 1:
        yield free(holders, 60)


def free(claims: list[str], weight: int) -> Change:
    """Releases these claims and their devices."""
    names = ", ".join(claims[:MAX_NAMED])
    if len(claims) > MAX_NAMED:
        names += f" and {len(claims) - MAX_NAMED} more"
    text = f"if claim {names} were released" if len(claims) == 1 else f"if the claims {names} were released"
    return Change(
        "FreeDevices", text, {"claims": claims}, weight, lambda hypothesis: scenes.release(hypothesis, claims)
    )


def _add(misfit: NodeMisfit) -> Iterator[Change]:
    reason = misfit.reason
    number = reason.counts.get("wanted", 0) - reason.counts.get("available", 0)
    if not reason.evidence.example or not 1 <= number <= MAX_DEVICES:
        return
    like = DeviceId(*reason.evidence.example.split("/", 2)) if _plain(reason.evidence.example) else None
    if like is None:
        return
    more = "1 more device" if number == 1 else f"{number} more devices"
    text = f"with {more} like {like.device} in pool {like.pool}"
    data = {"driver": like.driver, "pool": like.pool, "device": like.device, "count": number}
    yield Change(
        "AddDevices", text, data, 50, lambda hypothesis: scenes.add_devices(hypothesis, like, number)
    )


def _plain(name: str) -> bool:
    return name.count("/") == 2  # a pool's name may contain slashes


def _classes(misfit: NodeMisfit) -> Iterator[Change]:
    reason, classes = misfit.reason, misfit.hypothesis.state.classes
    if reason.claim is None or reason.request is None:
        return
    claim, request = reason.claim, reason.request
    held = scenes.claim_of(misfit.hypothesis, claim)
    spec = scenes.request_of(held, request) if held is not None else None
    if spec is None:
        return
    wrong = spec.device_class
    # An existing class is not misspelled: another one has different devices, which is not a light change.
    close = [] if wrong in classes else _alike(wrong, classes)
    drivers = _drivers(classes[wrong]) if wrong in classes else frozenset[str]()
    others = [
        name
        for name in sorted(classes)
        if name not in close and name != wrong and not _of_other_drivers(drivers, classes[name])
    ]
    for number, name in enumerate([*close, *others][:_MAX_CLASSES]):
        if name != wrong:
            weight = (5 if name in close else _OTHER_CLASS if wrong in classes else 25) + number
            yield _target(misfit.hypothesis, claim, request).use_class(name, weight)
    if wrong and wrong not in classes:
        made = DeviceClass(Meta(wrong))
        text = f"with a DeviceClass {wrong} that selects devices of the inventory"
        yield Change(
            "CreateClass", text, {"class": wrong}, 10, lambda hypothesis: hypothesis.state.upsert(made)
        )


def _alike(wrong: str, classes: Iterable[str]) -> list[str]:
    """The classes that a name may be a misspelling of, the likeliest first.

    Name and domain are compared apart: a common domain does not make a GPU of a channel, nor a common name
    another vendor's GPU of this one's.
    """
    name, _, domain = wrong.partition(".")
    own = [known for known in classes if _likeness(known.partition(".")[2], domain) >= _SAME_DOMAIN]
    close = [known for known in own if _likeness(known.partition(".")[0], name) >= _SAME_NAME]
    return sorted(close, key=lambda known: (-_likeness(known, wrong), known))[:_MAX_CLASSES]


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _drivers(item: DeviceClass) -> frozenset[str]:
    """The drivers that a class names in its selectors; none if it goes by something else."""
    texts = (selector for selector in item.selectors if selector is not None)
    return frozenset(name for text in texts for name in _DRIVER.findall(text))


def _of_other_drivers(drivers: frozenset[str], other: DeviceClass) -> bool:
    """Whether a class is for devices of other drivers: another vendor's device is not what was meant."""
    theirs = _drivers(other)
    return bool(drivers and theirs) and not drivers & theirs


def _names(misfit: NodeMisfit) -> Iterator[Change]:
    """Claims and templates with similar names."""
    hypothesis = misfit.hypothesis
    namespace = hypothesis.pod.meta.namespace
    there = (claim.meta.key for claim in paced(hypothesis.state.claims()))
    claims = {name for space, name in there if space == namespace}
    templates = {name for space, name in paced(hypothesis.state.templates) if space == namespace}
    looked_for = 0
    for number, entry in enumerate(paced(hypothesis.pod.claims)):
        field, kind, known = (
            ("claim_name", "ResourceClaim", claims)
            if entry.claim_name is not None
            else ("template_name", "ResourceClaimTemplate", templates)
        )
        name = entry.claim_name or entry.template_name or ""
        if name in known:
            continue
        looked_for += 1
        if looked_for > _MAX_NAMES:
            return
        for other in _similar(name, known):
            text = f"with {kind} {other} instead of {name}"
            data = {"podClaim": entry.name, "kind": kind, "name": other}
            yield Change("UseOther", text, data, 4, _renaming(number, field, other))


def _similar(name: str, known: Iterable[str]) -> list[str]:
    """As ``get_close_matches``, with pauses: a namespace may have thousands of claims."""
    matcher = SequenceMatcher()
    matcher.set_seq2(name)
    found = []
    for other in paced(known, _COMPARED):
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() >= _SAME_NAME and matcher.quick_ratio() >= _SAME_NAME:
            likeness = matcher.ratio()
            if likeness >= _SAME_NAME:
                found.append((likeness, other))
    return [other for _, other in nlargest(_MAX_SIMILAR, found)]


def _renaming(number: int, field: str, name: str) -> Callable[[Hypothesis], None]:
    def apply(hypothesis: Hypothesis) -> None:
        claims = list(hypothesis.pod.claims)
        # mypy cannot see that the field is one of PodClaim's two names.
        claims[number] = replace(claims[number], **{field: name})
        hypothesis.pod = replace(hypothesis.pod, claims=tuple(claims))

    return apply


def _generate(misfit: NodeMisfit) -> Iterator[Change]:
    def apply(hypothesis: Hypothesis) -> None:
        hypothesis.rules = replace(hypothesis.rules, generate_claims=True)
        hypothesis.pod = replace(hypothesis.pod, claim_statuses={})

    if not misfit.hypothesis.rules.generate_claims or misfit.hypothesis.pod.claim_statuses:
        text = "once kube-controller-manager has created its claims"
        yield Change("GenerateClaims", text, {}, 1, apply)


def _anew(misfit: NodeMisfit) -> Iterator[Change]:
    claim = misfit.reason.claim
    if claim is not None:
        text = f"if claim {claim} could be allocated again"
        change = Change(
            "Deallocate", text, {"claim": claim}, 20, lambda hypothesis: scenes.deallocate(hypothesis, claim)
        )
        yield change


def _seat(misfit: NodeMisfit) -> Iterator[Change]:
    claim = misfit.reason.claim
    if claim is None:
        return

    def apply(hypothesis: Hypothesis) -> None:
        held = scenes.claim_of_key(hypothesis, claim)
        if held is not None:
            hypothesis.state.upsert(replace(held, reserved_for=held.reserved_for[:-1]))

    yield Change("FreeSeat", f"if one Pod fewer used claim {claim}", {"claim": claim}, 15, apply)


def _constraint(misfit: NodeMisfit) -> Iterator[Change]:
    reason = misfit.reason
    claim = scenes.claim_of(misfit.hypothesis, reason.claim) if reason.claim is not None else None
    if claim is None or reason.claim is None:
        return
    for number, constraint in enumerate(claim.spec.constraints):
        has = partial(_has_constraint, constraint)
        of = scenes.apart(misfit.hypothesis, reason.claim, has)
        yield requests.drop_constraint(reason.claim, number, constraint, of)
    if reason.request is None:
        for item in claim.spec.requests:
            if item.exactly is not None:
                target = _target(misfit.hypothesis, reason.claim, item.name)
                yield from target.fewer(item.exactly, item.exactly.count - 1)


def _together(misfit: NodeMisfit) -> Iterator[Change]:
    """No single request is the cause: fewer devices for any of them."""
    if misfit.reason.request is not None:
        return
    for entry in misfit.hypothesis.pod.claims:
        names = (entry.claim_name, f"{misfit.hypothesis.pod.meta.name}-{entry.name}")
        for name in names:
            claim = f"{misfit.hypothesis.pod.meta.namespace}/{name}"
            held = scenes.claim_of(misfit.hypothesis, claim) if name else None
            for item in held.spec.requests if held is not None else ():
                if item.exactly is not None:
                    target = _target(misfit.hypothesis, claim, item.name)
                    yield from target.fewer(item.exactly, item.exactly.count - 1)


def _split(misfit: NodeMisfit) -> Iterator[Change]:
    if misfit.reason.claim is not None:
        yield from split_claim(misfit.hypothesis, misfit.reason.claim)


def _features(misfit: NodeMisfit) -> Iterator[Change]:
    features = misfit.hypothesis.rules.features
    for name, field in NAMES.items():
        if not getattr(features, field):
            yield Change(
                "EnableFeature",
                f"with the feature gate {name} enabled",
                {"feature": name},
                40,
                _switching(name),
            )


def _switching(name: str) -> Callable[[Hypothesis], None]:
    def apply(hypothesis: Hypothesis) -> None:
        hypothesis.rules = replace(
            hypothesis.rules, features=hypothesis.rules.features.switched({name: True})
        )

    return apply


def _complete(misfit: NodeMisfit) -> Iterator[Change]:
    """Treats an incomplete pool as complete."""
    hypothesis = misfit.hypothesis
    for pool in hypothesis.state.inventory.pools(misfit.node, hypothesis.rules.features):
        if not pool.incomplete:
            continue
        names = [item.meta.name for item in hypothesis.state.inventory.pool_slices(pool.id)]

        def apply(changed: Hypothesis, names: list[str] = names) -> None:
            slices = [changed.state.inventory.slices[name] for name in names]
            newest = max(item.generation for item in slices)
            current = [item for item in slices if item.generation == newest]
            for item in current:
                changed.state.upsert(replace(item, slice_count=len(current)))

        text = f"once the driver has published all slices of pool {pool.id}"
        yield Change("CompletePool", text, {"pool": str(pool.id)}, 3, apply)


def _about_node(misfit: NodeMisfit) -> Iterator[Change]:
    yield from NODE_CHANGES[misfit.reason.code](misfit.hypothesis, misfit.node, misfit.reason)


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
    "Unsupported": (_about_request,),
    "TooManyDevices": (_split, _about_request),
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
