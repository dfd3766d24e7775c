"""The Pods of each group, against a look at all Pods."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.group_members import GroupMembers, group_of
from app.core.state.state import State
from tests.objects import pod
from tests.pausing import Meter

LABELS = ("example.com/first", "example.com/second")


def read(name: str, namespace: str, labels: dict[str, str], annotations: dict[str, str], group: str) -> Pod:
    raw: dict[str, Any] = pod(name)
    raw["metadata"] |= {"namespace": namespace, "labels": labels, "annotations": annotations}
    if group:
        raw["spec"]["schedulingGroup"] = {"podGroupName": group}
    item = parse(raw)
    assert isinstance(item, Pod)
    return item


marks = st.dictionaries(st.sampled_from([*LABELS, "example.com/other"]), st.sampled_from(["a", "b", ""]))
changes = st.lists(
    st.one_of(
        st.builds(
            read,
            st.sampled_from(["p", "q", "r"]),
            st.sampled_from(["x", "y"]),
            marks,
            marks,
            st.sampled_from(["", "", "a"]),
        ),
        st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["p", "q", "r"])),
    ),
    max_size=20,
)


@given(changes)
def test_the_members_are_those_that_a_look_at_all_pods_finds(steps: list[Pod | tuple[str, str]]) -> None:
    state = State()
    state.group_members.group_by(LABELS)
    for step in steps:
        if isinstance(step, Pod):
            state.upsert(step)
        else:
            state.delete("Pod", step)
    expected: dict[tuple[str, str], list[Pod]] = {}
    for item in state.pods.values():
        if name := group_of(item, LABELS):
            expected.setdefault((item.meta.namespace, name), []).append(item)
    for group, pods in expected.items():
        found = state.group_members.of(*group)
        assert sorted(item.meta.key for item in found) == sorted(item.meta.key for item in pods)
        assert {id(item) for item in found} == {id(item) for item in pods}
    assert state.group_members._members.keys() == expected.keys()


@pytest.mark.parametrize(
    ("labels", "annotations", "group", "expected"),
    [
        ({}, {}, "", ""),
        ({LABELS[0]: "a", LABELS[1]: "b"}, {}, "", f"{LABELS[0]}=a"),
        ({LABELS[1]: "b"}, {LABELS[0]: "a"}, "", f"{LABELS[0]}=a"),
        ({LABELS[0]: ""}, {LABELS[1]: "b"}, "", f"{LABELS[1]}=b"),
        ({LABELS[0]: "a"}, {}, "g", "g"),
    ],
    ids=["none", "first label", "annotation of the first", "empty value", "a PodGroup before labels"],
)
def test_the_group_of_a_pod(
    labels: dict[str, str], annotations: dict[str, str], group: str, expected: str
) -> None:
    item = read("p", "x", labels, annotations, group)
    assert group_of(item, LABELS) == expected


def test_other_pods_cost_nothing() -> None:
    totals = []
    for others in (10, 1000):
        members = GroupMembers()
        members.group_by(LABELS)
        for number in range(others):
            members.put(read(f"o{number}", "x", {LABELS[0]: f"other-{number}"}, {}, ""))
        members.put(read("p", "x", {LABELS[0]: "a"}, {}, ""))
        meter = Meter()
        meter.measure(partial(list, members.of("x", f"{LABELS[0]}=a")))
        totals.append(meter.total)
    assert totals[0] == totals[1]
