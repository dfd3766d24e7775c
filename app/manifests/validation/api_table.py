"""The kinds and fields of the API servers of Kubernetes' minor versions.

From ``api_fields.json``, which ``tools/api_fields.py`` generates from Kubernetes' OpenAPI documents.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from app.core.pauses import paced

NEWEST = "1.37"
"""The newest released minor version of Kubernetes: the default."""
_VERSION = re.compile(r"v?(\d+\.\d+)(\..*)?")


@dataclass(frozen=True, slots=True)
class Span:
    """The minor versions that have something: all, or those from ``first`` to ``last``."""

    first: str = ""
    last: str = ""

    def has(self, minor: str) -> bool:
        """Whether a version is one of them."""
        if not self.first and not self.last:
            return True
        number = _number(minor)
        return (not self.first or _number(self.first) <= number) and (
            not self.last or number <= _number(self.last)
        )

    def without(self, minor: str) -> str:
        """Why a version is not one of them, as the end of a sentence."""
        if self.first and _number(minor) < _number(self.first):
            return f"before Kubernetes {self.first}"
        return f"since Kubernetes {_next(self.last)}"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a type. ``type`` is that of its value, of its items, or (``keyed``) of its entries.

    An empty type has no fields.
    """

    type: str
    keyed: bool
    span: Span


@dataclass(frozen=True, slots=True)
class ApiTable:
    """Kinds by group, version and kind; types by name, like ``resource.v1.DeviceRequest``."""

    versions: tuple[str, ...]
    kinds: Mapping[tuple[str, str, str], Span]
    types: Mapping[str, Mapping[str, Field]]

    def groups(self) -> frozenset[str]:
        """The API groups that Kubernetes itself has."""
        return frozenset(group for group, _, _ in self.kinds)

    def served(self, minor: str) -> Iterator[tuple[str, str, str]]:
        """Group, version and kind of all that a version has."""
        return (key for key, span in self.kinds.items() if span.has(minor))


@lru_cache(maxsize=1)
def api_table() -> ApiTable:
    """The table. Cost: 60 kB of JSON, once."""
    raw: dict[str, Any] = json.loads(files(__package__).joinpath("api_fields.json").read_text("utf-8"))
    kinds = {}
    for name, span in paced(raw["kinds"].items()):
        group, version, kind = name.split("/")
        kinds[(group, version, kind)] = _span(span)
    types = {
        name: {field: _field(text) for field, text in fields.items()}
        for name, fields in paced(raw["types"].items(), 16)
    }
    return ApiTable(tuple(raw["versions"]), kinds, types)


def minor_of(text: str) -> str | None:
    """``1.34`` of ``1.34``, ``v1.34.2`` and the like; None if the table does not have it."""
    found = _VERSION.fullmatch(text.strip())
    return found[1] if found is not None and found[1] in api_table().versions else None


def _field(text: str) -> Field:
    type_name, _, span = text.partition(" ")
    return Field(type_name.removeprefix("*"), type_name.startswith("*"), _span(span))


def _span(text: str) -> Span:
    first, _, last = text.partition("-")
    return Span(first, last)


def _number(minor: str) -> tuple[int, ...]:
    return tuple(map(int, minor.split(".")))


def _next(minor: str) -> str:
    major, number = _number(minor)
    return f"{major}.{number + 1}"
