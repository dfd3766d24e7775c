"""Changes of a request: fewer devices, smaller capacities, other terms, tolerations."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from app.core.advice.change import Change
from app.core.advice.hypothesis import Hypothesis, edit_request, edit_spec
from app.core.allocator import Reason
from app.core.allocator.evidence import SelectorCount, TaintCount, named
from app.core.model.quantity import Quantity, parse_quantity
from app.core.model.resource_claim import MAX_DEVICES, ClaimSpec, Constraint, RequestSpec
from app.core.model.taints import Toleration
from app.core.selectors.report_terms import Conjunct, terms_of

_MAX_SEEN = 3
_MAX_TAINTS = 3
Edit = Callable[[RequestSpec], RequestSpec]


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """A request by its claim (namespace/name) and its own name, that of a subrequest with a slash.

    ``of`` distinguishes its claim from others of the Pod with a request of that name: see
    ``hypothesis.apart``.
    """

    claim: str
    request: str
    of: str = ""

    def change(self, code: str, text: str, data: Mapping[str, object], weight: int, edit: Edit) -> Change:
        """A change of the request's spec."""

        def apply(hypothesis: Hypothesis) -> None:
            edit_request(hypothesis, self.claim, self.request, edit)

        about = {"claim": self.claim, "request": self.request}
        return Change(code, f"{text} in request {self.request}{self.of}", {**about, **data}, weight, apply)

    def fewer(self, spec: RequestSpec, most: int) -> Iterator[Change]:
        """Fewer devices: as many as exist, or less; instead of all, as many as exist."""
        every = spec.allocation_mode == "All"
        # A claim can hold no more, but may request billions.
        for number in range(min(most, MAX_DEVICES), 0, -1):
            what = f"{number} device{'s' if number > 1 else ''}"
            text = f"with {what} instead of {'all' if every else spec.count}"
            weight = 12 if every else 12 + spec.count - number
            yield self.change("FewerDevices", text, {"count": number}, weight, _counted(number))

    def use_class(self, name: str, weight: int) -> Change:
        """Changes the class."""
        text = f"with deviceClassName {name}"
        return self.change(
            "UseClass", text, {"class": name}, weight, lambda spec: replace(spec, device_class=name)
        )

    def without_selector(self, number: int) -> Change:
        """Removes one selector."""

        def edit(spec: RequestSpec) -> RequestSpec:
            return replace(spec, selectors=(*spec.selectors[:number], *spec.selectors[number + 1 :]))

        return self.change("DropSelector", f"without selector #{number}", {"selector": number}, 18, edit)


def changes(reason: Reason, target: RequestTarget, spec: RequestSpec) -> Iterator[Change]:
    """All changes that the evidence of a reason suggests for its request."""
    yield from _tolerations(reason.evidence.taints, target)
    yield from _capacities(reason, target, spec)
    for item in reason.evidence.selectors:
        yield from _selector(item, target, spec)
    if reason.code in ("SelectorFailed", "SelectorBroken"):
        for number in range(len(spec.selectors)):
            yield target.without_selector(number)
    available = reason.counts.get("available", 0)
    yield from target.fewer(spec, available or spec.count - 1)


def drop_constraint(claim: str, number: int, constraint: Constraint, of: str) -> Change:
    """Removes one constraint of a claim. ``of``: as in ``RequestTarget``."""
    attribute = constraint.match_attribute or constraint.distinct_attribute
    kind = "matchAttribute" if constraint.match_attribute is not None else "distinctAttribute"

    def without(spec: ClaimSpec) -> ClaimSpec:
        kept = (item for index, item in enumerate(spec.constraints) if index != number)
        return replace(spec, constraints=tuple(kept))

    return Change(
        "DropConstraint",
        f"without the constraint {kind} {attribute}{of}",
        {"claim": claim, "constraint": number},
        11,
        lambda hypothesis: edit_spec(hypothesis, claim, without),
    )


def _counted(number: int) -> Edit:
    return lambda spec: replace(spec, allocation_mode="ExactCount", count=number)


def _tolerations(taints: tuple[TaintCount, ...], target: RequestTarget) -> Iterator[Change]:
    """Tolerates one of the taints; or all, for a device with several."""
    choices = [(taint,) for taint in taints[:_MAX_TAINTS]] + [taints] * (len(taints) > 1)
    for chosen in choices:
        tolerations = tuple(map(_toleration, chosen))
        text = f"with {'a toleration' if len(chosen) == 1 else 'tolerations'} for {named(map(_name, chosen))}"
        data = {"tolerations": [item.to_json() for item in tolerations]}
        yield target.change("Tolerate", text, data, 13 + len(chosen), _tolerating(tolerations))


def _toleration(taint: TaintCount) -> Toleration:
    return Toleration(taint.key, "Equal" if taint.value else "Exists", taint.value, taint.effect)


def _name(taint: TaintCount) -> str:
    return str(taint)


def _tolerating(more: tuple[Toleration, ...]) -> Edit:
    return lambda spec: replace(spec, tolerations=(*spec.tolerations, *more))


def _capacities(reason: Reason, target: RequestTarget, spec: RequestSpec) -> Iterator[Change]:
    lower: dict[str, Quantity] = {}
    amounts: dict[str, str] = {}  # as they were published
    for item in reason.evidence.capacities:
        if item.published:
            text = f"with capacity {item.published} instead of {item.name}"
            data = {"capacity": item.name, "published": item.published}
            yield target.change("RenameCapacity", text, data, 3, _renamed(item.name, item.published))
        elif item.best is None:
            text = f"without {item.name}, which no device has,"
            yield target.change("DropCapacity", text, {"capacity": item.name}, 9, _lacking(item.name))
        elif parse_quantity(item.best).nanos > 0:
            lower[item.name], amounts[item.name] = parse_quantity(item.best), item.best
    if lower:
        text = f"with {named(f'{name} {amount}' for name, amount in amounts.items())}"
        weight = 6 + _fall(spec, lower)
        yield target.change("LowerCapacity", text, {"capacity": amounts}, weight, _lowered(lower))


def _fall(spec: RequestSpec, lower: Mapping[str, Quantity]) -> int:
    """How much less than requested is left: 0 for nearly all of it, up to 3 for nearly nothing."""
    shares = [
        lower[name].nanos / asked.nanos
        for name, asked in spec.capacity or ()
        if name in lower and asked.nanos > 0
    ]
    return min(3, int(4 * (1 - min(shares, default=1))))


def _lacking(name: str) -> Edit:
    return lambda spec: replace(spec, capacity=tuple(pair for pair in spec.capacity or () if pair[0] != name))


def _renamed(name: str, published: str) -> Edit:
    return lambda spec: replace(
        spec,
        capacity=tuple((published if own == name else own, amount) for own, amount in spec.capacity or ()),
    )


def _lowered(amounts: Mapping[str, Quantity]) -> Edit:
    return lambda spec: replace(
        spec,
        capacity=tuple((name, amounts.get(name, amount)) for name, amount in spec.capacity or ()),
    )


def _selector(item: SelectorCount, target: RequestTarget, spec: RequestSpec) -> Iterator[Change]:
    """Relaxes or removes one term of the selector, or removes the selector."""
    if item.where.startswith("class ") or item.text not in spec.selectors:
        return
    number = spec.selectors.index(item.text)
    terms = terms_of(item.text)
    for counted in item.terms:
        position = next((index for index, term in enumerate(terms) if term.shown == counted.text), None)
        if position is None:
            continue
        for value in (counted.best,) if counted.best is not None else counted.seen[:_MAX_SEEN]:
            text = terms[position].with_bound(value)
            words = f"with {terms_of(text)[0].shown} instead of {counted.text}"
            edited = _joined(terms, position, text)
            data = {"selector": number, "expression": edited}
            yield target.change("RelaxSelector", words, data, 7, _reworded(number, edited))
        if len(terms) > 1:
            edited = _joined(terms, position, None)
            data = {"selector": number, "expression": edited}
            yield target.change("DropTerm", f"without {counted.text}", data, 10, _reworded(number, edited))
    yield target.without_selector(number)


def _joined(terms: tuple[Conjunct, ...], position: int, text: str | None) -> str:
    parts = [text if index == position else term.text for index, term in enumerate(terms)]
    return " && ".join(part for part in parts if part is not None)


def _reworded(number: int, text: str) -> Edit:
    return lambda spec: replace(
        spec, selectors=(*spec.selectors[:number], text, *spec.selectors[number + 1 :])
    )
