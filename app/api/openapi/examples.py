"""Examples in the OpenAPI document: a request for each operation with a body, and its response."""

from typing import Any


def add_examples(document: dict[str, Any]) -> None:
    pass
