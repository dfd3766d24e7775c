"""The API server's validation of what a Pod spec requests of devices.

The rules are those of pkg/apis/core/validation in k8s.io/kubernetes.
"""

from collections.abc import Iterator
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.extended_resources import is_extended
from app.core.model.quantity import Quantity, QuantityError, parse_quantity
from app.core.pauses import paced_if_many
from app.manifests.validation.api_rules import is_label, quoted
from app.manifests.validation.shapes import Path, containers, items, pods_with_claims

Problems = Iterator[tuple[Path, str]]

_WHOLE = 10**9
"""One, in nano units."""
_OPERATORS = ("Exists", "Equal", "Lt", "Gt")
"""Lt and Gt are those of the feature gate TaintTolerationComparisonOperators (KEP-5471)."""
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def pod_validation(raw: JsonObject) -> Problems:
    """Checks the claims, the resources and the tolerations of a Pod or of each template of a workload.

    Cost: O(containers, claims and tolerations).
    """
    for path, spec, entries in pods_with_claims(raw):
        yield from _names(entries)
        resources = spec.get("resources")
        if (
            isinstance(resources, dict)
            and resources.get("claims")
            and isinstance(spec.get("containers"), list)
        ):
            yield (*path, "resources", "claims"), "belongs under resources of a container, not of the Pod"
        yield from _not_negative(path, resources)
        for at, toleration in items(spec, "tolerations", path):
            yield from _toleration(at, toleration)
        for at, container in containers(path, spec):
            yield from _used(at, container)
            yield from _not_negative(at, container.get("resources"))
            yield from _extended(at, container)


def _names(entries: list[tuple[Path, JsonObject]]) -> Problems:
    seen = set[str]()
    for at, entry in paced_if_many(entries):
        name = entry.get("name")
        if not isinstance(name, str) or not name:
            continue  # reported where the Pod is parsed
        if not is_label(name):
            text = f"must be lower-case letters, digits and '-', at most 63, not {quoted(name)}"
            yield (*at, "name"), text
        if name in seen:
            yield (*at, "name"), f"duplicate claim name {quoted(name)}"
        seen.add(name)


def _used(path: Path, container: JsonObject) -> Problems:
    """A container names a claim once, or some requests of it, each once."""
    resources = container.get("resources")
    claims = resources.get("claims") if isinstance(resources, dict) else None
    whole, parts, in_part = set[str](), set[tuple[str, str]](), set[str]()
    for index, claim in enumerate(paced_if_many(claims) if isinstance(claims, list) else ()):
        at = (*path, "resources", "claims", index)
        if not isinstance(claim, dict):
            yield (
                at,
                f"must be an object, like `- name: {claim}`"
                if isinstance(claim, str)
                else "must be an object",
            )
            continue
        name, request = claim.get("name"), claim.get("request") or ""
        if not isinstance(name, str) or not isinstance(request, str):
            continue  # an unknown name: reported elsewhere
        if name in whole or (name, request) in parts or (not request and name in in_part):
            yield at, f"claim {quoted(name)} is named twice"
        if request:
            parts.add((name, request))
            in_part.add(name)
        else:
            whole.add(name)


def _not_negative(path: Path, resources: Any) -> Problems:
    """The amounts of a container or of the whole Pod. ``path``: what has the resources."""
    for side in ("requests", "limits"):
        for name, value in _quantities(resources, side):
            amount = _amount(value)
            if amount is not None and amount.nanos < 0:
                yield (*path, "resources", side, name), f"must be 0 or more, not {amount.text}"


def _toleration(path: Path, toleration: JsonObject) -> Problems:
    key, operator, effect = (toleration.get(name) for name in ("key", "operator", "effect"))
    if operator not in (None, "", *_OPERATORS):
        text = f"must be {', '.join(_OPERATORS)} or left out, not {quoted(operator)}"
        yield (*path, "operator"), text
    elif not key and operator != "Exists":
        yield (*path, "operator"), "must be Exists when there is no key"
    if operator == "Exists" and toleration.get("value"):
        yield (*path, "value"), "operator Exists takes no value"
    if effect not in (None, "", *_EFFECTS):
        yield (*path, "effect"), f"must be {', '.join(_EFFECTS)} or left out, not {quoted(effect)}"
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        yield (*path, "effect"), "must be NoExecute when tolerationSeconds is given"


def _extended(path: Path, container: JsonObject) -> Problems:
    """Extended resources are whole numbers, and are not overcommitted."""
    resources = container.get("resources")
    sides = {
        side: {name: _amount(value) for name, value in _quantities(resources, side) if is_extended(name)}
        for side in ("requests", "limits")
    }
    for side, amounts in sides.items():
        for name, amount in paced_if_many(amounts.items()):
            at = (*path, "resources", side, name)
            if amount is not None and amount.nanos % _WHOLE:
                yield at, f"must be a whole number, not {amount.text}"
    for name, amount in paced_if_many(sides["requests"].items()):
        at = (*path, "resources", "requests", name)
        if name not in sides["limits"]:
            yield at, f"an extended resource needs the same amount under limits: {name} is missing there"
            continue
        limit = sides["limits"][name]
        if amount is not None and limit is not None and amount.nanos != limit.nanos:
            yield at, f"must equal the limit of an extended resource: {limit.text}, not {amount.text}"


def _quantities(resources: Any, side: str) -> Iterator[tuple[str, Any]]:
    values = resources.get(side) if isinstance(resources, dict) else None
    for name, value in paced_if_many(values.items()) if isinstance(values, dict) else ():
        yield str(name), value


def _amount(value: Any) -> Quantity | None:
    """None if it is not a quantity: reported where the Pod is parsed."""
    try:
        return parse_quantity(value)
    except QuantityError:
        return None
