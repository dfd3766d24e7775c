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


def read(
    name: str,
    namespace: str,
    labels: dict[str, str],
    annotations: dict[str, str],
    group: str,
    ends: dict[str, Any] | None = None,
) -> Pod:
    raw: dict[str, Any] = pod(name)
    for part, content in (ends or {}).items():
        raw.setdefault(part, {}).update(content)
    raw["metadata"] |= {"namespace": namespace, "labels": labels, "annotations": annotations}
    if group:
        raw["spec"]["schedulingGroup"] = {"podGroupName": group}
    item = parse(raw)
    assert isinstance(item, Pod)
    return item


NOT_WAITING: list[dict[str, Any]] = [
    {"spec": {"nodeName": "n"}},
    {"status": {"phase": "Failed"}},
    {"spec": {"schedulingGates": [{"name": "example.com/quota"}]}},
    {"metadata": {"deletionTimestamp": "2026-12-01T00:00:00Z"}},
]
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
            st.sampled_from([None, None, *NOT_WAITING]),
        ),
        st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["p", "q", "r"])),
    ),
    max_size=20,
)


def waits(item: Pod) -> bool:
    return not (item.node_name or item.finished or item.meta.deleted or item.scheduling_gates)


@given(changes)
def test_the_members_are_those_that_a_look_at_all_pods_finds(steps: list[Pod | tuple[str, str]]) -> None:
    state = State()
    state.group_members.group_by(LABELS)
    known: dict[tuple[str, str], Pod] = {}
    for step in steps:
        if isinstance(step, Pod):
            state.upsert(step)
            known[step.meta.key] = step
        else:
            state.delete("Pod", step)
            known.pop(step, None)
    expected: dict[tuple[str, str], list[Pod]] = {}
    for item in known.values():
        if name := group_of(item, LABELS):
            expected.setdefault((item.meta.namespace, name), []).append(item)
    for group, pods in expected.items():
        found = state.group_members.of(*group)
        assert sorted(item.meta.key for item in found) == sorted(item.meta.key for item in pods)
        assert {id(item) for item in found} == {id(item) for item in pods}
        waiting = {id(item) for item in state.group_members.waiting(*group)}
        assert waiting == {id(item) for item in pods if waits(item)}
    members = state.group_members
    assert members._members.keys() == expected.keys()
    assert members._waiting.keys() == {key for key, pods in expected.items() if any(map(waits, pods))}


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
