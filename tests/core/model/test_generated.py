"""Claims and templates that the controllers of custom resources make."""

from typing import Any

import pytest

from app.core.model.generated import generated_by

TEMPLATE = "ResourceClaimTemplate"
FOUND: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "a domain": (
        {
            "apiVersion": "resource.nvidia.com/v1beta1",
            "kind": "ComputeDomain",
            "metadata": {"name": "d", "namespace": "team"},
            "spec": {"numNodes": 2, "channel": {"resourceClaimTemplate": {"name": "chan"}}},
        },
        [(TEMPLATE, "team", "chan")],
    ),
    "a kind that nobody knows, with several": (
        {
            "apiVersion": "ml.example.com/v1",
            "kind": "Cluster",
            "metadata": {"name": "d"},
            "spec": {"pools": [{"resourceClaim": {"name": "a"}}, {"resourceClaimTemplate": {"name": "b"}}]},
        },
        [("ResourceClaim", "default", "a"), (TEMPLATE, "default", "b")],
    ),
    "a template without a name": (
        {
            "apiVersion": "ml.example.com/v1",
            "kind": "Cluster",
            "metadata": {"name": "d"},
            "spec": {"resourceClaimTemplate": {"spec": {}}},
        },
        [],
    ),
    "a kind of Kubernetes": (
        {"apiVersion": "v1", "kind": "Pod", "spec": {"resourceClaim": {"name": "a"}}},
        [],
    ),
    "a kind of a Kubernetes project": (
        {"apiVersion": "resource.k8s.io/v1", "kind": "X", "spec": {"resourceClaim": {"name": "a"}}},
        [],
    ),
}


@pytest.mark.parametrize(("raw", "found"), FOUND.values(), ids=FOUND)
def test_a_field_named_after_the_kind_names_what_comes(
    raw: dict[str, Any], found: list[tuple[str, str, str]]
) -> None:
    assert sorted((item.kind, *item.key) for item in generated_by(raw)) == sorted(found)


@pytest.mark.parametrize("raw", [None, [], "text", {"spec": 1}])
def test_what_is_no_object_makes_nothing(raw: Any) -> None:
    assert list(generated_by(raw)) == []
