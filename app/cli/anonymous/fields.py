"""How a field is copied: kept, replaced by a pseudonym, or copied part by part. Others are left out."""

from collections.abc import Callable, Mapping
from typing import Any

from app.cli.anonymous.pseudonyms import Pseudonyms

Copy = Callable[[Pseudonyms, Any], Any]


def keep(_: Pseudonyms, value: Any) -> Any:
    """Copies the value as it is."""
    return value


def emptied(_: Pseudonyms, value: Any) -> Any:
    """A mapping without its contents, which are opaque."""
    return {} if isinstance(value, dict) else value


def name(category: str) -> Copy:
    """A name of this category."""

    def copy(names: Pseudonyms, value: Any) -> Any:
        return names.name(category, value) if isinstance(value, str) else value

    return copy


def path(category: str) -> Copy:
    """Names separated by slashes, such as a request and its alternative."""

    def copy(names: Pseudonyms, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return "/".join(names.name(category, part) for part in value.split("/"))

    return copy


def label_key(names: Pseudonyms, value: Any) -> Any:
    """The key of a label or a taint."""
    return names.label_key(value) if isinstance(value, str) else value


def label_value(names: Pseudonyms, value: Any) -> Any:
    """The value of a label or a taint."""
    return names.label_value(value) if isinstance(value, str) else value


def labels(names: Pseudonyms, value: Any) -> Any:
    """A mapping of labels."""
    if not isinstance(value, dict):
        return value
    return {names.label_key(key): label_value(names, item) for key, item in value.items()}


def attributes(names: Pseudonyms, value: Any) -> Any:
    """The attributes of a device: their names, and values of other types than text, stay."""
    if not isinstance(value, dict):
        return value
    return {key: _attribute(names, key, item) for key, item in value.items()}


def _attribute(names: Pseudonyms, key: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = dict(value)
    if isinstance(value.get("string"), str):
        found["string"] = names.attribute(key, value["string"])
    if isinstance(value.get("strings"), list):
        found["strings"] = [
            names.attribute(key, item) if isinstance(item, str) else item for item in value["strings"]
        ]
    return found


def obj(**fields: Copy) -> Copy:
    """A mapping with these fields and no others."""
    return mapping_of(fields)


def mapping_of(fields: Mapping[str, Copy]) -> Copy:
    """As ``obj``, for any names of fields."""

    def copy(names: Pseudonyms, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: fields[key](names, item) for key, item in value.items() if key in fields}

    return copy


def keyed(category: str, item: Copy) -> Copy:
    """A mapping whose keys are names."""

    def copy(names: Pseudonyms, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {names.name(category, key): item(names, part) for key, part in value.items()}

    return copy


def many(item: Copy) -> Copy:
    """A list."""

    def copy(names: Pseudonyms, value: Any) -> Any:
        return [item(names, part) for part in value] if isinstance(value, list) else value

    return copy
