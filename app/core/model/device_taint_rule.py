"""DeviceTaintRules: taints that an administrator lays over devices (KEP-5055)."""

from dataclasses import dataclass
from typing import Any

from app.core.model import fields
from app.core.model.device_class import read_selector
from app.core.model.errors import FieldError
from app.core.model.meta import Meta, read_meta
from app.core.model.taints import Taint, read_taint


@dataclass(frozen=True, slots=True)
class DeviceTaintSelector:
    """Which devices: a field that is None selects all.

    ``device_class`` and ``expressions`` (CEL, all of which must match) are of Kubernetes 1.33 and 1.34.
    """

    driver: str | None = None
    pool: str | None = None
    device: str | None = None
    device_class: str | None = None
    expressions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceTaintRule:
    """A rule; without a selector it taints nothing."""

    meta: Meta
    taint: Taint
    selector: DeviceTaintSelector | None = None


def read_device_taint_rule(raw: Any) -> DeviceTaintRule:
    """Reads a DeviceTaintRule in v1 form."""
    meta = read_meta(raw, namespaced=False)
    spec = fields.required(fields.mapping(raw), "spec", fields.mapping)
    try:
        return DeviceTaintRule(
            meta=meta,
            taint=fields.required(spec, "taint", read_taint),
            selector=fields.optional(spec, "deviceSelector", _selector),
        )
    except FieldError as error:
        raise error.under("spec") from None


def _selector(raw: Any) -> DeviceTaintSelector:
    source = fields.mapping(raw)
    return DeviceTaintSelector(
        driver=fields.optional(source, "driver", fields.text),
        pool=fields.optional(source, "pool", fields.text),
        device=fields.optional(source, "device", fields.text),
        device_class=fields.optional(source, "deviceClassName", fields.text),
        expressions=tuple(
            text for text in fields.listed(source, "selectors", read_selector) if text is not None
        ),
    )
