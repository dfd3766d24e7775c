"""Taints and tolerations of nodes and devices."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model.taints import Taint, Toleration, read_device_toleration, read_taint, read_toleration

TAINT = Taint("ecc", "bad", "NoSchedule")

TOLERATIONS = {
    "equal": (Toleration("ecc", "Equal", "bad", "NoSchedule"), True),
    "no-operator-means-equal": (Toleration("ecc", "", "bad", "NoSchedule"), True),
    "another-value": (Toleration("ecc", "Equal", "good", "NoSchedule"), False),
    "exists-looks-at-no-value": (Toleration("ecc", "Exists", "", "NoSchedule"), True),
    "exists-of-another-key": (Toleration("heat", "Exists"), False),
    "exists-without-key-tolerates-all": (Toleration("", "Exists"), True),
    "exists-without-key-for-an-effect": (Toleration("", "Exists", "", "NoExecute"), False),
    "no-effect-means-all-effects": (Toleration("ecc", "Exists"), True),
    "another-effect": (Toleration("ecc", "Exists", "", "NoExecute"), False),
    "no-key-with-equal-compares-the-value": (Toleration("", "Equal", "bad"), True),
    "nothing-set-compares-the-value": (Toleration(), False),
    "comparison-is-off-by-default-in-kubernetes": (Toleration("ecc", "Gt", "1"), False),
    "unknown-operator": (Toleration("ecc", "Like", "bad"), False),
}


@pytest.mark.parametrize(("toleration", "expected"), TOLERATIONS.values(), ids=TOLERATIONS)
def test_tolerates(toleration: Toleration, expected: bool) -> None:
    assert toleration.tolerates(TAINT) is expected


def test_a_device_toleration_is_equal_by_default() -> None:
    assert read_device_toleration({"key": "ecc", "value": "bad"}).operator == "Equal"
    assert read_device_toleration({"key": "ecc", "operator": "Exists"}).operator == "Exists"
    assert read_toleration({"key": "ecc"}).operator == ""


def test_a_taint_without_value_has_the_empty_one() -> None:
    assert read_taint({"key": "ecc", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}) == Taint(
        "ecc", "", "NoExecute", "2026-01-01T00:00:00Z"
    )


tolerations = st.fixed_dictionaries(
    {"operator": st.sampled_from(["Exists", "Equal"])},
    optional={
        "key": st.text(min_size=1, max_size=3),
        "value": st.text(min_size=1, max_size=3),
        "effect": st.sampled_from(["NoSchedule", "NoExecute", "None"]),
        "tolerationSeconds": st.integers(-1, 10**6),
    },
)


@given(tolerations)
def test_the_kubernetes_form_reads_back_the_same(raw: dict[str, Any]) -> None:
    assert read_device_toleration(raw).to_json() == raw
