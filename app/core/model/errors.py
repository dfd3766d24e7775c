"""Errors in an object, and their place."""

from dataclasses import dataclass


class FieldError(ValueError):
    """A value that its field cannot hold. ``path`` is filled in by the readers it passes through."""

    def __init__(self, reason: str, *path: str | int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: tuple[str | int, ...] = path

    def under(self, *parent: str | int) -> "FieldError":
        """The same error, seen from the object that holds the field."""
        return FieldError(self.reason, *parent, *self.path)


_JSON_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a fraction",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def json_kind(value: object) -> str:
    """What a value is, in the words of JSON."""
    return _JSON_KINDS.get(type(value), type(value).__name__)


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Names an object to a person: kind, namespace (empty if it has none) and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class ObjectError(ValueError):
    """An object that cannot be used: which one, which field, and why."""

    def __init__(self, ref: ObjectRef, path: str, reason: str) -> None:
        super().__init__(f"{ref}: {path}: {reason}" if path else f"{ref}: {reason}")
        self.ref = ref
        self.path = path
        self.reason = reason


def path_text(path: tuple[str | int, ...]) -> str:
    """``("spec", "devices", 0, "name")`` as ``spec.devices[0].name``."""
    text = ""
    for part in path:
        if isinstance(part, int) or any(character in part for character in "./[]"):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
