"""The names in an inventory, to check references."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.model.admin_access import is_namespace, labels_of_namespaces
from app.core.model.extended_resources import CLASS_PREFIX
from app.core.model.generated import Generated, generated_by
from app.core.model.parse import is_read, ref_of
from app.core.model.versions import GROUP
from app.manifests.validation import shapes

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """Kind, namespace and name of objects; attributes and capacities as ``domain/name``.

    ``requests`` are the names of the requests of claims and templates, ``labels`` those of namespaces,
    ``resources`` the extended resources that classes and nodes offer. ``generated`` are claims and
    templates that controllers create. ``complete``: there are no others.
    """

    objects: frozenset[Key]
    attributes: frozenset[str]
    capacities: frozenset[str]
    complete: bool
    requests: Mapping[Key, frozenset[str]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resources: frozenset[str] = frozenset()
    generated: frozenset[Key] = frozenset()

    def has(self, kind: str, namespace: str, name: str) -> bool:
        """Whether the object exists, or a controller creates it."""
        key = (kind, namespace, name)
        return key in self.objects or key in self.generated

    def elsewhere(self, kind: str, name: str) -> str:
        """A namespace that has an object of this kind and name; None if no other has one."""
        return min((space for known, space, own in self.objects if (known, own) == (kind, name)), default="")


def names_of(objects: Iterable[Any], *, complete: bool, generated: Iterable[Generated] = ()) -> Names:
    """Collects the names in raw objects. Malformed objects count by name only."""
    keys: set[Key] = set()
    found: dict[str, set[str]] = {"attributes": set(), "capacity": set()}
    requests: dict[Key, frozenset[str]] = {}
    labels: dict[str, Mapping[str, Any]] = {}
    resources: set[str] = set()
    made = list(generated)
    for raw in objects:
        if not isinstance(raw, dict):
            continue
        ref = ref_of(raw)
        key = (ref.kind, ref.namespace, ref.name)
        keys.add(key)
        if ref.kind == "ResourceSlice" and str(raw.get("apiVersion")).startswith(f"{GROUP}/"):
            _gather(raw, found)
        elif ref.kind in ("ResourceClaim", "ResourceClaimTemplate"):
            requests[key] = frozenset(str(item.get("name")) for _, item in shapes.requests(raw))
        elif is_namespace(raw):
            labels |= labels_of_namespaces([raw])
        elif ref.kind in ("Node", "DeviceClass"):
            resources |= _offered(ref.kind, ref.name, raw)
        elif not is_read(raw):
            made += generated_by(raw)
    return Names(
        frozenset(keys),
        frozenset(found["attributes"]),
        frozenset(found["capacity"]),
        complete,
        requests,
        labels,
        frozenset(resources),
        frozenset((item.kind, *item.key) for item in made),
    )


def _offered(kind: str, name: str, raw: Mapping[str, Any]) -> set[str]:
    """The extended resources of a class or a node."""
    if kind == "Node":
        status = _mapping(raw.get("status"))
        return {str(key) for part in ("allocatable", "capacity") for key in _mapping(status.get(part))}
    own = _mapping(raw.get("spec")).get("extendedResourceName")
    return {f"{CLASS_PREFIX}{name}"} | ({own} if isinstance(own, str) else set())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


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
        for part, names in found.items():
            values = shape.get(part)
            for name in values if isinstance(values, dict) else ():
                names.add(str(name) if "/" in str(name) else f"{driver}/{name}")
