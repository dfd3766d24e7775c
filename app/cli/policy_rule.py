"""Checks the annotation that names a scoring policy."""

from collections.abc import Iterator
from typing import Any

from app.core.model.pod_templates import value_at
from app.core.placement.chosen_policy import ANNOTATION
from app.core.scoring import UnknownPolicyError, policy_named
from app.manifests.validation.shapes import Path, pod_specs


def policy_names(raw: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Finds an unknown policy: the scheduler ignores such an annotation."""
    paths: list[Path] = (
        [("metadata", "annotations", ANNOTATION)]
        if raw.get("kind") == "DeviceClass"
        else [(*path[:-1], "metadata", "annotations", ANNOTATION) for path, _ in pod_specs(raw)]
    )
    for path in paths:
        value = value_at(raw, path)
        if isinstance(value, str):
            try:
                policy_named(value)
            except UnknownPolicyError as error:
                yield path, str(error)
