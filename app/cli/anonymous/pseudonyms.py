"""Replacements for names: equal names get equal ones, in the same order."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_KEPT_DOMAINS = ("kubernetes.io", "k8s.io")
_KEPT_VALUES = re.compile(r"(?:true|false|[+-]?\d+|)\Z")
VALUE, LABEL, NODE = "value", "label", "node"


class Pseudonyms:
    """Collects names by category, then replaces them.

    A pseudonym is the category and a number, padded so that pseudonyms sort as the names did: where names
    decide between equals, they decide the same.
    """

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        self._given: dict[str, dict[str, str]] = {}
        self.texts: set[str] = set()
        self.read: frozenset[str] = frozenset()

    def name(self, category: str, value: str) -> str:
        """The pseudonym of a name, or the name itself while names are collected."""
        if not value:
            return value
        if not self._given:
            self._names.setdefault(category, set()).add(value)
            return value
        return self._given[category][value]

    def label_key(self, key: str) -> str:
        """The pseudonym of the key of a label or taint; those of Kubernetes stay."""
        domain = key.partition("/")[0]
        kept = "/" in key and any(domain == own or domain.endswith(f".{own}") for own in _KEPT_DOMAINS)
        return key if kept or key == "metadata.name" else self.name(LABEL, key)

    def label_value(self, value: str) -> str:
        """The pseudonym of a label's value. Numbers, which Gt and Lt compare, and booleans stay."""
        if _KEPT_VALUES.match(value):
            return value
        if self._given and value in self._given.get(NODE, {}):
            return self._given[NODE][value]
        return self.name(VALUE, value)

    def attribute(self, name: str, text: str) -> str:
        """The text of an attribute: as it is, if CEL reads the attribute, for it may do anything with it."""
        return text if name.rpartition("/")[2] in self.read else self.name("text", text)

    def close(self) -> None:
        """Ends the collection."""
        words = (word for text in self.texts for word in re.findall(r"[A-Za-z_]\w*", text))
        self.read = frozenset(words)
        self._given = {
            category: {
                name: f"{category}-{number:0{len(str(len(names)))}}" for number, name in numbered(names)
            }
            for category, names in self._names.items()
        } or {"": {}}


def numbered(names: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The names in order, with their numbers from 1."""
    return enumerate(sorted(names), 1)


def expressions(value: Any) -> Iterator[str]:
    """Every CEL expression in a value of any shape."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "expression" and isinstance(item, str):
                yield item
            else:
                yield from expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item)
