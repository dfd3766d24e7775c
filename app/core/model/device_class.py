"""DeviceClasses, and the configuration that classes and claims hand to drivers."""

import json
from dataclasses import dataclass, field
from typing import Any

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.meta import Meta, read_meta


@dataclass(frozen=True, slots=True)
class DeviceConfiguration:
    """Opaque configuration, kept as it is. Two are equal if their JSON is.

    ``too_deep``: it nests deeper than it could be written. Then its content is not kept.
    """

    raw: JsonObject = field(compare=False, hash=False)
    text: str
    too_deep: bool = False


@dataclass(frozen=True, slots=True)
class DeviceClass:
    """A class: selectors (CEL text; None is a selector of a type not known here) and configuration."""

    meta: Meta
    selectors: tuple[str | None, ...] = ()
    config: tuple[DeviceConfiguration, ...] = ()
    extended_resource_name: str | None = None


def read_device_class(raw: Any) -> DeviceClass:
    """Reads a DeviceClass in v1 form."""
    meta = read_meta(raw, namespaced=False)
    spec = fields.child(fields.mapping(raw), "spec")
    try:
        return DeviceClass(
            meta=meta,
            selectors=fields.listed(spec, "selectors", read_selector),
            config=fields.listed(spec, "config", read_configuration),
            extended_resource_name=fields.optional(spec, "extendedResourceName", fields.text),
        )
    except FieldError as error:
        raise error.under("spec") from None


def read_selector(raw: Any) -> str | None:
    """Reads a DeviceSelector: its CEL text, or None if it is of another type."""
    cel = fields.optional(fields.mapping(raw), "cel", fields.mapping)
    if cel is None:
        return None
    try:
        return fields.required(cel, "expression", fields.text)
    except FieldError as error:
        raise error.under("cel") from None


def read_configuration(raw: Any) -> DeviceConfiguration:
    """Reads a DeviceConfiguration without looking into it (``requests`` is not part of it)."""
    source = {
        name: value for name, value in fields.mapping(raw).items() if name not in ("requests", "source")
    }
    if fields.is_too_deep(source):
        return DeviceConfiguration({}, f"nested deeper than {fields.MAX_DEPTH} levels", too_deep=True)
    return DeviceConfiguration(source, json.dumps(source, sort_keys=True, default=str))
