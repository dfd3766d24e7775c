"""Messages of google.protobuf that an expression can make: most become plain CEL values."""

from typing import Any

from app.core.cel.errors import EvalError


def construct(name: str, fields: dict[str, Any]) -> Any:
    """The value of ``name{fields}``.

    Raises:
        EvalError: a value that the field cannot hold.
    """
    del fields
    raise EvalError(f"unknown type {name}")
