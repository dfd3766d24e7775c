"""``check`` tells of annotations that name no policy."""

from typing import Any

import pytest

from app.cli.policy_rule import policy_names
from tests.objects import device_class, pod

NAME = "dra-extender/policy"


def annotated(raw: dict[str, Any], value: str) -> dict[str, Any]:
    raw["metadata"]["annotations"] = {NAME: value}
    return raw


def job(value: str) -> dict[str, Any]:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
            "spec": {"template": annotated(pod("p"), value)}}  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (annotated(pod("p"), "binpak"), ("metadata", "annotations", NAME)),
        (annotated(device_class(), "binpack=0"), ("metadata", "annotations", NAME)),
        (job("binpak"), ("spec", "template", "metadata", "annotations", NAME)),
    ],
)
def test_a_policy_that_is_none(raw: dict[str, Any], path: tuple[str, ...]) -> None:
    ((at, message),) = policy_names(raw)
    assert at == path
    assert "policy" in message


@pytest.mark.parametrize(
    "raw", [annotated(pod("p"), "topology=2,spread=1"), device_class(), pod("p"), job("cheapest")]
)
def test_one_that_is_or_none_at_all(raw: dict[str, Any]) -> None:
    assert not list(policy_names(raw))
