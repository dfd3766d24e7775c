"""The wire format of Protocol Buffers, as far as messages of strings, numbers and messages go.

A message is read by a table of its fields into the object that the JSON of the same message has; fields that
the table lacks are skipped. So what is read is what the model reads, and nothing is generated. See
https://protobuf.dev/programming-guides/encoding for the format.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.core.model.errors import FieldError
from app.core.pauses import pause

MAX_FIELDS = 2_000_000
"""Fields of one request: a small field takes far more memory as an object than on the wire."""
_PAUSE_EVERY = 256
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10

Value = int | memoryview


class FieldBudget:
    """What is left of the fields that one request may have."""

    def __init__(self, fields: int = MAX_FIELDS) -> None:
        self.left = fields

    def spend(self, fields: int = 1) -> None:
        """Counts fields. Pauses at intervals. Raises: FieldError."""
        self.left -= fields
        if self.left < 0:
            raise FieldError("has too many fields")
        if not self.left % _PAUSE_EVERY:
            pause()


def fields(data: memoryview, budget: FieldBudget) -> Iterator[tuple[int, Value]]:
    """Number and value of each field of a message. Raises: FieldError. O(fields)."""
    at = 0
    while at < len(data):
        budget.spend()
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if not number:
            raise FieldError("is not a Protocol Buffers message: a field has number 0")
        value: Value
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind == _BYTES:
            length, at = _varint(data, at)
            value, at = _slice(data, at, length)
        elif kind in (_FIXED64, _FIXED32):
            part, at = _slice(data, at, 8 if kind == _FIXED64 else 4)
            value = int.from_bytes(part, "little")
        else:
            raise FieldError(f"is not a Protocol Buffers message: field {number} has wire type {kind}")
        yield number, value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_MAX_VARINT_BYTES):
        if at + index >= len(data):
            raise FieldError("ends within a number")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + index + 1
    raise FieldError("has a number of more than 64 bits")


def _slice(data: memoryview, at: int, length: int) -> tuple[memoryview, int]:
    if at + length > len(data):
        raise FieldError(f"ends within a value of {length} bytes")
    return data[at : at + length], at + length


@dataclass(frozen=True, slots=True)
class MessageField:
    """One field of a message: its name in JSON, and how its value is read.

    ``many``: "list" for a repeated field, "map" for a map from strings.
    """

    name: str
    read: Callable[[Value, FieldBudget], Any]
    many: str = ""


Message = Mapping[int, MessageField]
"""The fields by number."""


def text(value: Value, _: FieldBudget) -> str:
    """A string."""
    if isinstance(value, int):
        raise FieldError("must be a string, not a number")
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise FieldError("is not valid UTF-8") from None


def integer(value: Value, _: FieldBudget) -> int:
    """An int32 or int64: negative ones are in two's complement of 64 bits."""
    if not isinstance(value, int):
        raise FieldError("must be a number, not a string or message")
    return value - (1 << 64) if value >> 63 else value


def boolean(value: Value, budget: FieldBudget) -> bool:
    """A bool."""
    return integer(value, budget) != 0


@dataclass(frozen=True, slots=True)
class MessageOf:
    """Reads a message as the object of its JSON, without empty strings, zeros and false."""

    table: Message

    def __call__(self, value: Value, budget: FieldBudget) -> dict[str, Any]:
        """Raises: FieldError. O(fields)."""
        if isinstance(value, int):
            raise FieldError("must be a message, not a number")
        found: dict[str, Any] = {}
        for number, item in fields(value, budget):
            field = self.table.get(number)
            if field is not None:
                _put(found, field, item, budget)
        return found


def _put(found: dict[str, Any], field: MessageField, item: Value, budget: FieldBudget) -> None:
    position: tuple[int, ...] = ()
    try:
        if field.many == "map":
            key, value = _entry(field, item, budget)
            found.setdefault(field.name, {})[key] = value
            return
        if field.many:
            items = found.setdefault(field.name, [])
            position = (len(items),)
            items.append(field.read(item, budget))
            return
        value = field.read(item, budget)
    except FieldError as error:
        raise error.under(field.name, *position) from None
    if value or isinstance(value, dict):
        found[field.name] = value
    else:
        found.pop(field.name, None)  # the last one counts


def _entry(field: MessageField, item: Value, budget: FieldBudget) -> tuple[str, Any]:
    if isinstance(item, int):
        raise FieldError("must be a message, not a number")
    key, value = "", None
    for number, part in fields(item, budget):
        if number == 1:
            key = text(part, budget)
        elif number == 2:
            value = field.read(part, budget)
    return key, field.read(memoryview(b""), budget) if value is None else value


def written(number: int, value: str | bytes | int) -> bytes:
    """One field of a message to send; nothing for zero and for an empty string.

    Negative numbers are written in two's complement.
    """
    if isinstance(value, int):
        return _number(number << 3 | _VARINT) + _number(value & 0xFFFF_FFFF_FFFF_FFFF) if value else b""
    data = value.encode() if isinstance(value, str) else value
    if not data and isinstance(value, str):
        return b""
    return _number(number << 3 | _BYTES) + _number(len(data)) + data


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
