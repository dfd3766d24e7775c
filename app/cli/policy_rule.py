"""The rule of ``check`` for the annotation that names a scoring policy."""

from collections.abc import Iterator
from typing import Any

from app.cli.shapes import Path, pod_spec
from app.core.placement.chosen_policy import ANNOTATION
from app.core.scoring import UnknownPolicyError, policy_named


def policy_names(raw: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """A policy that there is none of: the scheduler passes the annotation over."""
    if raw.get("kind") == "DeviceClass":
        path: Path = ("metadata", "annotations", ANNOTATION)
    else:
        at, spec = pod_spec(raw)
        if spec is None:
            return
        path = (*at[:-1], "metadata", "annotations", ANNOTATION)
    value: Any = raw
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        try:
            policy_named(value)
        except UnknownPolicyError as error:
            yield path, str(error)
