"""Finds unknown kinds: removed, misspelled, or of another group."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.errors import path_text
from app.core.model.parse import KINDS, ref_of
from app.core.model.versions import GROUP, VERSIONS
from app.core.model.workload import without_template as lack_of
from app.core.model.workload_kinds import CUSTOM
from app.manifests.validation.api_table import ApiTable, api_table

Path = tuple[str | int, ...]
Problems = Iterator[tuple[Path, str]]

_SUCCESSORS = {
    "ResourceClass": "use a DeviceClass",
    "ResourceClassParameters": "selectors and config of a DeviceClass have taken their place",
    "ResourceClaimParameters": "selectors and config of a request have taken their place",
    "PodSchedulingContext": "no scheduler needs it any more",
}
_CONVERTED = (*VERSIONS, "v1alpha3")
_REPAIR = " (repair: dra-extender convert)"
_PARAMETERS = ("ClaimParameters", "ClassParameters")
_LIKENESS = 0.8
"""Similarity above which one name counts as a misspelling: 0.9 for Deploymnet, 0.78 for StatefulSet and
DaemonSet.
"""
_LIKENESS_OF_CUSTOM = 0.9
"""The same in groups of custom resources, which have more kinds than are known here."""
_MOST_LETTERS = 3
"""More letters are another word: VirtualMachineInstancePreset is not a VirtualMachineInstanceReplicaSet."""


def is_kubernetes(raw: Any) -> bool:
    """Whether the kind is one that Kubernetes itself has, or had, in any version."""
    kind, (group, _) = str(raw.get("kind")), _version(raw)
    return any((known, name) == (group, kind) for known, _, name in api_table().kinds)


def without_template(raw: JsonObject) -> str:
    """Of an object of a known kind without a Pod template: its name, and what is missing."""
    error = lack_of(str(raw.get("kind")), raw)
    return f"{ref_of(raw)} ({path_text(error.path)} {error.reason})"


def kind_problems(raw: dict[str, Any], minor: str) -> Problems:
    """Checks the kind and the apiVersion for the API server of a minor version."""
    kind, (group, version) = raw.get("kind"), _version(raw)
    if not isinstance(kind, str) or not version or (group, kind) in CUSTOM:
        return
    table = api_table()
    if group in table.groups():
        yield from _of_kubernetes(table, (group, version, kind), minor)
    elif kind.endswith(_PARAMETERS):
        text = "parameter objects went with classic DRA (Kubernetes 1.32): selectors and config of a request"
        yield ("kind",), f"{text} have taken their place"
    elif kind in KINDS and get_close_matches(group, (GROUP,), n=1, cutoff=_LIKENESS):
        return  # reported where the object is parsed
    elif close := _close(kind, (name for known, name in CUSTOM if known == group), _LIKENESS_OF_CUSTOM):
        yield ("kind",), f"{group} has no kind {kind}, did you mean {close}?"


def _of_kubernetes(table: ApiTable, key: tuple[str, str, str], minor: str) -> Problems:
    group, version, kind = key
    span = table.kinds.get(key)
    if span is not None and span.has(minor):
        return
    spelt = f"{group}/{version}" if group else version
    current = [known for known in table.served(minor) if known[0] == group and known[2] == kind]
    if current:
        # Versions that DRA never had are reported where the object is parsed.
        if span is not None or group != GROUP or any(known[:2] == (group, version) for known in table.kinds):
            gone = f" {span.without(minor)}" if span is not None else f" by Kubernetes {minor}"
            names = " and ".join(f"{group}/{known}" if group else known for _, known, _ in current)
            repair = _REPAIR if group == GROUP and version in _CONVERTED else ""
            yield ("apiVersion",), f"{spelt} is not served{gone}: {kind} is in {names}{repair}"
    elif span is not None or any(known[0] == group and known[2] == kind for known in table.kinds):
        successor = _SUCCESSORS.get(kind)
        after = f": {successor}" if successor else ""
        had = (
            version
            if span is not None
            else max(known[1] for known in table.kinds if known[::2] == (group, kind))
        )
        yield ("kind",), f"{group or 'the core group'} has no kind {kind} (gone with {had}){after}"
    elif kind not in KINDS:
        yield ("kind",), f"{group or 'the core group'} has no kind {kind}{_meant(table, key, minor)}"


def _meant(table: ApiTable, key: tuple[str, str, str], minor: str) -> str:
    """A kind of any group with a similar name."""
    group, _, kind = key
    served = list(table.served(minor))
    close = _close(kind, (name for known, _, name in served if known == group))
    if close:
        return f", did you mean {close}?"
    close = _close(kind, (name for _, _, name in served))
    found = next(("/".join(filter(None, item[:2])) for item in served if item[2] == close), None)
    if found is None:
        # Of other groups only with the whole name: they have more kinds than are known here.
        found = next((other for other, name in CUSTOM if name == kind), None)
        close = kind
    return f", is {close} ({found}) meant?" if found is not None else ""


def _close(kind: str, names: Iterable[str], cutoff: float = _LIKENESS) -> str:
    by_lower = {name.lower(): name for name in names if abs(len(name) - len(kind)) <= _MOST_LETTERS}
    close = get_close_matches(kind.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else ""


def _version(raw: dict[str, Any]) -> tuple[str, str]:
    """Group and version of the apiVersion; both empty if it is not a string."""
    text = raw.get("apiVersion")
    group, _, version = text.rpartition("/") if isinstance(text, str) else ("", "", "")
    return group, version
