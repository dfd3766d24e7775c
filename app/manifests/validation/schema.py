"""Finds unknown fields, each with the probable intention.

The API server drops unknown fields, or refuses them with strict validation: either way the object is not
the intended one.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import Any

from app.core.model.pod_templates import MAX_TEMPLATES, value_at
from app.core.model.versions import FLAT_REQUEST_FIELDS, GROUP
from app.core.model.workload import located_templates
from app.core.model.workload_kinds import BUILT_IN, group_of
from app.core.pauses import paced_if_many, pause
from app.manifests.validation.api_table import ApiTable, Field, api_table
from app.manifests.validation.shapes import containers, pod_specs

Path = tuple[str | int, ...]
Problems = Iterator[tuple[Path, str]]

_POD, _TEMPLATE, _META = "core.v1.PodSpec", "core.v1.PodTemplateSpec", "meta.v1.ObjectMeta"
_CLAIM_OF_POD = "core.v1.PodResourceClaim"
_TOLERATED = {"DeviceRequest": frozenset(FLAT_REQUEST_FIELDS), "Device": frozenset({"basic"})}
"""Fields of v1beta1 that are read in every version: another rule reports that they belong elsewhere."""
_FLAT = "resource.v1beta2.ExactDeviceRequest"
"""The type of such fields of a request, which has them since when v1beta1 has them."""
_ALIKE = 0.85
"""Similarity of two names above which one counts as a misspelling of the other."""
_ALIKE_INSIDE = 0.8
"""The same for a field that belongs a level below: 0.85 for deviceClass and deviceClassName."""
_TEMPLATES_AT_ONCE = 16
"""Pod templates of one object between two pauses."""
_LONGEST = 64
"""Letters of a name up to which it is compared with others: the longest field has 46."""
_AMOUNTS = {"CapacityRequirements": "requests"}
"""Types whose only field is a map of quantities."""
_DRA_ONLY = ("resourceclaim", "claims")
"""Prefixes of relevant field names of a Pod spec in an unknown kind."""


def unknown_fields(raw: dict[str, Any], minor: str) -> Problems:
    """Fields that the API server of a minor version does not have.

    Checks resource.k8s.io objects, Pods and Pod templates. In an unknown kind, whose Pod specs may have
    additional fields, reports only fields with names similar to those of DRA.
    """
    walk = _walk(minor)
    kind, version = str(raw.get("kind")), str(raw.get("apiVersion"))
    if version.startswith(f"{GROUP}/"):
        yield from walk.unknown(raw, f"resource.{version.partition('/')[2]}.{kind}", (), ())
    elif kind == "Pod" and version == "v1":
        yield from walk.unknown(raw.get("metadata"), _META, ("metadata",), ())
        yield from walk.unknown(raw.get("spec"), _POD, ("spec",), ())
    else:
        built_in = (group_of(raw), kind) in BUILT_IN
        for found in located_templates(raw):
            path = found.path
            if built_in or (found.rule is not None and not found.rule.more):
                whole = path[-1] == "spec" and len(path) > 1
                path, shape = (path[:-1], _TEMPLATE) if whole else (path, _POD)
                yield from walk.unknown(value_at(raw, path), shape, path, ())
            else:
                yield from walk.nearly_dra(value_at(raw, path), path)


def misspelt_dra_fields(raw: dict[str, Any], minor: str) -> Problems:
    """Of a Pod or a workload of any kind, only the unknown fields with names similar to those of DRA: without
    them, the Pods would have no devices.

    Not in more templates than a workload may have. Cost: O(fields and containers), with pauses.
    """
    walk = _walk(minor)
    for number, (path, spec) in enumerate(islice(pod_specs(raw), MAX_TEMPLATES), 1):
        if not number % _TEMPLATES_AT_ONCE:
            pause()
        yield from walk.nearly_dra(spec, path)


@lru_cache(maxsize=32)
def _walk(minor: str) -> "_Walk":
    return _Walk(api_table(), minor)


class _Walk:
    """Goes down an object along the types of the table."""

    def __init__(self, table: ApiTable, minor: str) -> None:
        self._table = table
        self._minor = minor
        self._known: dict[str, Mapping[str, Field]] = {}

    def unknown(self, value: Any, shape: str, path: Path, above: tuple[tuple[Path, str], ...]) -> Problems:
        """``above``: paths and types of the objects around, innermost last."""
        fields = self._table.types.get(shape)
        if fields is None:
            return
        if isinstance(value, list):
            for index, item in enumerate(paced_if_many(value)):
                yield from self.unknown(item, shape, (*path, index), above)
        elif isinstance(value, dict):
            here = (*above, (path, shape))
            for name, inner in paced_if_many(value.items()):
                field = fields.get(name)
                if field is not None and field.span.has(self._minor):
                    yield from self._inside(inner, field, (*path, name), here)
                elif str(name).startswith("$"):
                    continue  # a directive of a strategic merge patch, as in Kustomize's files
                elif name not in _TOLERATED.get(shape.rpartition(".")[2], ()):
                    yield from self._unknown(str(name), field, value, here)
                elif name == "basic":
                    yield from self.unknown(inner, "resource.v1beta1.BasicDevice", (*path, name), here)
                else:
                    flat = self._table.types[_FLAT][name]
                    if flat.span.has(self._minor):
                        yield from self._inside(inner, flat, (*path, name), here)
                    else:
                        yield from self._unknown(str(name), flat, value, here)

    def _inside(self, value: Any, field: Field, path: Path, above: tuple[tuple[Path, str], ...]) -> Problems:
        if field.keyed and isinstance(value, dict):
            for key, item in paced_if_many(value.items()):
                yield from self.unknown(item, field.type, (*path, key), above)
        else:
            yield from self.unknown(value, field.type, path, above)

    def _unknown(
        self, name: str, field: Field | None, value: dict[str, Any], above: tuple[tuple[Path, str], ...]
    ) -> Problems:
        path, shape = above[-1]
        if field is not None:
            if (shape, name) != (_CLAIM_OF_POD, "source"):  # reported where the Pod is parsed
                yield (*path, name), f"unknown field {name} {field.span.without(self._minor)}"
            return
        yield (*path, name), f"unknown field {name}{self._hint(name, value, above)}"

    def _hint(self, name: str, value: dict[str, Any], above: tuple[tuple[Path, str], ...]) -> str:
        """The probable intention: another spelling, another place, or a similar name."""
        if len(name) > _LONGEST:
            return ""
        shape = above[-1][1]
        if name == "spec" and shape.endswith(".ResourceClaimSpec") and above[0][1].endswith(".ResourceClaim"):
            return ", is a ResourceClaimTemplate meant?"
        here = self._names(shape)
        same = get_close_matches(name.lower(), [known.lower() for known in here], n=1, cutoff=_ALIKE)
        if same:
            return f", did you mean {next(known for known in here if known.lower() == same[0])}?"
        inner = [known for known in here if name in self._names(self._names(shape)[known].type)]
        written = [known for known in inner if known in value] or inner
        if written:
            return f": it belongs under {written[0]}"
        outer = next((path for path, around in reversed(above[:-1]) if name in self._names(around)), None)
        if outer is not None:
            return f" here: it belongs {_place(outer)}"
        close = get_close_matches(name, here, n=1)
        return f", did you mean {close[0]}?" if close else self._hint_inside(name, shape)

    def _hint_inside(self, name: str, shape: str) -> str:
        """An entry of a map of quantities below, or a field of a type below with a similar name."""
        fields = self._table.types.get(shape, {})
        if (below := _AMOUNTS.get(shape.rpartition(".")[2])) is not None:
            return f": it belongs under {below}"
        inside: dict[str, str] = {}
        for field in self._names(shape):
            for known in self._names(fields[field].type):
                inside.setdefault(known, f"{field}.{known}")
        close = get_close_matches(name, inside, n=1, cutoff=_ALIKE_INSIDE)
        return f", did you mean {inside[close[0]]}?" if close else ""

    def _names(self, shape: str) -> Mapping[str, Field]:
        """The fields that a type has in this version, by name."""
        if shape not in self._known:
            fields = self._table.types.get(shape, {})
            self._known[shape] = {
                name: field for name, field in fields.items() if field.span.has(self._minor)
            }
        return self._known[shape]

    def nearly_dra(self, spec: Any, path: Path) -> Problems:
        """The same for a Pod spec that may have additional fields."""
        if not isinstance(spec, dict):
            return
        yield from self._nearly(spec, _POD, path, ())
        yield from self.unknown(spec.get("resourceClaims"), _CLAIM_OF_POD, (*path, "resourceClaims"), ())
        for at, container in containers(path, spec):
            yield from self._nearly(container, "core.v1.Container", at, ((path, _POD),))
            shape, resources = "core.v1.ResourceRequirements", (*at, "resources")
            yield from self.unknown(container.get("resources"), shape, resources, ())

    def _nearly(
        self, value: dict[str, Any], shape: str, path: Path, above: tuple[tuple[Path, str], ...]
    ) -> Problems:
        known = self._names(shape)
        for name in paced_if_many(value):
            if name not in known and str(name)[:_LONGEST].lower().startswith(_DRA_ONLY):
                yield from self._unknown(str(name), None, value, (*above, (path, shape)))


def _place(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    return f"under {names[-1]}" if names else "at the top"
