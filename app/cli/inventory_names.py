"""What an inventory has by name, for references to be checked against."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.core.model.parse import ref_of
from app.core.model.versions import GROUP

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """Kind, namespace and name of objects; attributes and capacities as ``domain/name``.

    ``complete`` says that there is nothing else.
    """

    objects: frozenset[Key]
    attributes: frozenset[str]
    capacities: frozenset[str]
    complete: bool

    def has(self, kind: str, namespace: str, name: str) -> bool:
        """Whether there is such an object."""
        return (kind, namespace, name) in self.objects


def names_of(objects: Iterable[Any], *, complete: bool) -> Names:
    """Gathers the names in raw objects; malformed ones count by name only."""
    keys: set[Key] = set()
    found: dict[str, set[str]] = {"attributes": set(), "capacity": set()}
    for raw in objects:
        ref = ref_of(raw)
        keys.add((ref.kind, ref.namespace, ref.name))
        if ref.kind == "ResourceSlice" and str(raw.get("apiVersion")).startswith(f"{GROUP}/"):
            _gather(raw, found)
    return Names(frozenset(keys), frozenset(found["attributes"]), frozenset(found["capacity"]), complete)


def _gather(raw: Mapping[str, Any], found: dict[str, set[str]]) -> None:
    spec = raw.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("devices"), list):
        return
    driver = str(spec.get("driver"))
    for device in spec["devices"]:
        if not isinstance(device, dict):
            continue
        basic = device.get("basic")
        shape = basic if isinstance(basic, dict) else device
        for field, names in found.items():
            values = shape.get(field)
            for name in values if isinstance(values, dict) else ():
                names.add(str(name) if "/" in str(name) else f"{driver}/{name}")
