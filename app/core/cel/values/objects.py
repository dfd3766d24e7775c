"""Objects of the Kubernetes libraries, and protocol buffer messages, as values."""

from collections.abc import Mapping
from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.values.networks import Cidr, Ip
from app.core.cel.values.quantities import QuantityValue
from app.core.cel.values.semver import Semver
from app.core.cel.values.urls import Url

# Kinds whose == is an error when the other side is of another kind.
COMPARED_OBJECTS = frozenset({QuantityValue, Semver, Url, Ip, Cidr})


class Message:
    """A message without a CEL value type: google.protobuf.Empty."""

    __slots__ = ("fields", "type_name")

    def __init__(self, type_name: str, fields: Mapping[str, Any]) -> None:
        self.type_name = type_name
        self.fields = fields

    def equals(self, other: Any) -> bool:
        """Same type and same fields."""
        return (
            other.__class__ is Message
            and self.type_name == other.type_name
            and dict(self.fields) == dict(other.fields)
        )

    def find(self, key: Any) -> tuple[Any, bool]:
        """A field's value, and whether it is set.

        Raises:
            EvalError: the message has no such field; not even has() may ask for it.
        """
        if key not in self.fields:
            raise EvalError(f"no such field '{key}'")
        return self.fields[key], True

    def is_zero(self) -> bool:
        """Whether no field is set."""
        return not self.fields


__all__ = ["COMPARED_OBJECTS", "Cidr", "Ip", "Message", "QuantityValue", "Semver", "Url"]
