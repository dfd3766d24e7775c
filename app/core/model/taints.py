"""Taints and tolerations, of nodes and of devices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.core.model import fields
from app.core.pauses import paced_if_many


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint of a node or a device. Effects that are not known have none."""

    key: str
    value: str
    effect: str
    time_added: str | None = None

    @property
    def is_soft(self) -> bool:
        """Whether it keeps Pods off only as long as there are other nodes."""
        return self.effect == "PreferNoSchedule"


@dataclass(frozen=True, slots=True)
class Toleration:
    """A toleration; an empty key with Exists tolerates all keys, an empty effect all effects."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    seconds: int | None = None

    def tolerates(self, taint: Taint) -> bool:
        """The rule of core/v1 Toleration.ToleratesTaint and of resourceclaim.ToleratesTaint."""
        if self.effect and self.effect != taint.effect:
            return False
        if self.key and self.key != taint.key:
            return False
        if self.operator == "Exists":
            return True
        return self.operator in ("", "Equal") and self.value == taint.value

    def to_json(self) -> dict[str, Any]:
        """The Kubernetes form, empty fields left out."""
        texts = {
            "key": self.key,
            "operator": self.operator,
            "value": self.value,
            "effect": self.effect,
        }
        result: dict[str, Any] = {name: value for name, value in texts.items() if value}
        if self.seconds is not None:
            result["tolerationSeconds"] = self.seconds
        return result


def is_tolerated(taint: Taint, tolerations: Sequence[Toleration]) -> bool:
    """Whether one of the tolerations tolerates the taint. O(tolerations), with pauses if they are many."""
    return any(toleration.tolerates(taint) for toleration in paced_if_many(tolerations))


def read_taint(raw: Any) -> Taint:
    """Reads a node's or a device's taint."""
    source = fields.mapping(raw)
    return Taint(
        key=fields.default(source, "key", fields.text, ""),
        value=fields.default(source, "value", fields.text, ""),
        effect=fields.default(source, "effect", fields.text, ""),
        time_added=fields.optional(source, "timeAdded", fields.text),
    )


def read_toleration(raw: Any) -> Toleration:
    """Reads a Pod's toleration (its operator defaults to Equal when it is compared)."""
    source = fields.mapping(raw)
    return Toleration(
        key=fields.default(source, "key", fields.text, ""),
        operator=fields.default(source, "operator", fields.text, ""),
        value=fields.default(source, "value", fields.text, ""),
        effect=fields.default(source, "effect", fields.text, ""),
        seconds=fields.optional(source, "tolerationSeconds", fields.integer),
    )


def read_device_toleration(raw: Any) -> Toleration:
    """Reads a device toleration; the API server sets the operator to Equal if there is none."""
    toleration = read_toleration(raw)
    if toleration.operator:
        return toleration
    return Toleration(toleration.key, "Equal", toleration.value, toleration.effect, toleration.seconds)
