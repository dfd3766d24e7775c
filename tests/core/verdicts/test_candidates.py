"""Which of the fitting nodes are passed on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.verdicts.candidates import Candidates
from app.core.verdicts.filter_result import FilterResult, ListedResult
from app.core.verdicts.node_verdict import NodeVerdict
from tests.objects import owned, pod


def fits(**scores: int | None) -> FilterResult:
    """Nodes with their scores; None for one that does not fit."""
    verdicts = [NodeVerdict("misfit" if score is None else "fits", score or 0) for score in scores.values()]
    return ListedResult(list(scores), verdicts)


EQUAL = fits(**{f"n{number}": 5 for number in range(20)})


def ranked(candidates: Candidates, result: FilterResult, **loads: float) -> list[str]:
    return list(candidates.ranked(result, {}, lambda name: loads.get(name, 0.0)))


def test_the_best_come_first() -> None:
    assert ranked(Candidates(1), fits(a=1, b=9, c=None, d=4)) == ["b", "d", "a"]


def test_what_the_pod_likes_counts_beside_its_devices() -> None:
    liking = {"a": 401.0}  # 8 points of 50 and 1
    found = Candidates(1).ranked(fits(a=1, b=9, c=4), liking, lambda _: 0.0)
    assert list(found) == ["a", "b", "c"]


def test_the_choice_among_equals_is_spread_and_moves_on() -> None:
    candidates = Candidates(1)
    first, second = (ranked(candidates, EQUAL)[:8] for _ in range(2))
    assert first[:3] == ["n1", "n3", "n6"]
    assert second[:3] == ["n2", "n4", "n7"]


def test_the_freest_of_a_few_equals_comes_first() -> None:
    busy = {f"n{number}": 0.5 for number in range(20) if number != 6}
    assert ranked(Candidates(1), EQUAL, **busy)[0] == "n6"


@pytest.mark.parametrize(
    ("number", "fitting", "reserved"),
    [(1, 0, 1), (1, 9, 1), (4, 1, 1), (4, 2, 1), (4, 5, 2), (4, 8, 4), (4, 100, 4)],
)
def test_half_of_the_nodes_are_left_to_others(number: int, fitting: int, reserved: int) -> None:
    assert Candidates(number).number_of(asking({}), fitting) == reserved


def asking(spec: JsonObject, *, owner: str = "") -> Pod:
    raw = pod("p", "c")
    found = parse(
        owned(raw | {"spec": raw["spec"] | spec}, owner, "o", "uid-o")
        if owner
        else raw | {"spec": raw["spec"] | spec}
    )
    assert isinstance(found, Pod)
    return found


def near(kind: str, **more: Any) -> JsonObject:
    term = {"topologyKey": "zone", "labelSelector": {}} | more
    preferred = [{"weight": 1, "podAffinityTerm": term}]
    return {"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}}


def spread(how: str, **more: Any) -> JsonObject:
    return {
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": how} | more]
    }


LABELLED = {"namespaceSelector": {"matchLabels": {"team": "a"}}}


@pytest.mark.parametrize(
    ("wanted", "several"),
    [
        pytest.param(asking({}), False, id="no preference"),
        pytest.param(asking({}, owner="Job"), False, id="of a Job"),
        pytest.param(asking({}, owner="ReplicaSet"), True, id="replicas are spread by default"),
        pytest.param(asking({}, owner="StatefulSet"), True, id="of a StatefulSet"),
        pytest.param(
            asking(spread("ScheduleAnyway"), owner="ReplicaSet"),
            False,
            id="a constraint takes the default's place",
        ),
        pytest.param(asking(spread("DoNotSchedule"), owner="ReplicaSet"), False, id="so does a required one"),
        pytest.param(
            asking(spread("ScheduleAnyway", nodeTaintsPolicy="Honor")),
            True,
            id="a constraint that honors taints",
        ),
        pytest.param(
            asking(spread("DoNotSchedule", nodeTaintsPolicy="Honor")), False, id="unless it is required"
        ),
        pytest.param(asking(near("podAffinity")), False, id="Pods of known namespaces"),
        pytest.param(asking(near("podAffinity", namespaceSelector={})), False, id="Pods of all namespaces"),
        pytest.param(asking(near("podAntiAffinity", **LABELLED)), True, id="namespaces by their labels"),
    ],
)
def test_auto_leaves_a_few_nodes_where_kube_scheduler_knows_more(wanted: Pod, several: bool) -> None:
    assert Candidates("auto").number_of(wanted, 100) == (8 if several else 1)
    assert Candidates("auto").number_of(wanted, 6) == (3 if several else 1)
    assert Candidates(2).number_of(wanted, 100) == 2


@given(st.lists(st.lists(st.integers(0, 10) | st.none(), max_size=24), min_size=1, max_size=6))
def test_every_node_that_fits_comes_once_and_no_other(pods: list[list[int | None]]) -> None:
    candidates = Candidates(3)
    for scores in pods:
        chosen = ranked(candidates, fits(**{f"n{index}": score for index, score in enumerate(scores)}))
        fitting = {f"n{index}" for index, score in enumerate(scores) if score is not None}
        assert sorted(chosen) == sorted(fitting)
        assert [scores[int(name[1:])] for name in chosen] == sorted(
            (score for score in scores if score is not None), reverse=True
        )
