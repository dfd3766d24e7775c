"""The simulator, and what it says of least-fragmentation beside first fit."""

import json
from dataclasses import replace
from functools import cache
from itertools import count
from random import Random
from xml.etree import ElementTree as ET

import pytest

from app.core.model.parse import InventoryObject, parse
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.simulation.fleet import whole, whole_gpus
from app.core.simulation.plot import plot
from app.core.simulation.run import Simulation, TraceResult
from app.core.simulation.shapes import SHAPES, Draw
from app.core.simulation.trace import Job, Trace, TraceError, kind, read_trace, trace_to_json
from app.core.state.state import State
from tests.objects import allocation, claim, pod

JUDGED = ("bimodal", "diurnal", "inference-training", "long-tailed", "fill-and-churn")
NODES, PODS, LOAD, SEEDS = 16, 400, 0.5, (0, 1)


def draws(seed: int) -> Draw:
    return Random(seed).random  # noqa: S311 - a trace is no secret


@cache
def fleet(shape: str) -> State:
    state = State()
    for raw in SHAPES[shape].fleet(NODES):
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    return state


def run(state: State, trace: Trace, policy: str, patience: float = 0.0) -> TraceResult:
    numbers = count()
    rules = Rules(SelectorCache(), lambda: f"share-{next(numbers)}", policy=policy, policy_fixed=True)
    simulation = Simulation(state.fork(), trace, rules, patience=patience, samples=10)
    assert list(simulation.run()) == list(range(1, len(trace.jobs) + 1))
    return simulation.result


@cache
def large_refused(shape: str, policy: str) -> int:
    refused = 0
    for seed in SEEDS:
        trace = SHAPES[shape].trace(NODES, PODS, draws(seed), LOAD)
        refused += run(fleet(shape), trace, policy).refused[trace.largest.name]
    return refused


@pytest.mark.parametrize("shape", JUDGED)
def test_least_fragmentation_never_refuses_more_large_requests_than_first_fit(shape: str) -> None:
    assert large_refused(shape, "least-fragmentation") <= large_refused(shape, "first-fit")


def test_least_fragmentation_refuses_a_fifth_less_large_requests_than_first_fit() -> None:
    first = sum(large_refused(shape, "first-fit") for shape in JUDGED)
    least = sum(large_refused(shape, "least-fragmentation") for shape in JUDGED)
    assert first > 20, "the traces are too light to show anything"
    assert least <= 0.8 * first


def jobs(*entries: tuple[str, float, float]) -> Trace:
    kinds = {"one": kind("one", 1, whole(1)), "eight": kind("eight", 8, whole(8))}
    return Trace(
        "t", kinds, [Job(f"j{n}", name, at, seconds) for n, (name, at, seconds) in enumerate(entries)]
    )


def one_node() -> State:
    state = State()
    for raw in whole_gpus(1):
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    return state


def with_running(*names: str) -> State:
    """The one node, four of its eight devices held by the Pods of these names, which share a claim."""
    state = one_node()
    users = [{"resource": "pods", "name": name, "uid": f"uid-{name}"} for name in names]
    held = allocation("node-000", *(f"gpu-{number}" for number in range(4)))
    for raw in (
        claim("held") | {"status": {"allocation": held, "reservedFor": users}},
        *(pod(name, "held") for name in names),
    ):
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    return state


def recorded(*entries: tuple[str, str, float, float]) -> Trace:
    plain = jobs(*((kind_, at, seconds) for _, kind_, at, seconds in entries))
    named = zip(plain.jobs, entries, strict=True)
    return replace(plain, jobs=[replace(job, name=name) for job, (name, *_) in named])


def test_pods_that_run_at_the_start_keep_their_devices_and_leave_when_they_did() -> None:
    trace = recorded(
        ("default/a", "one", 0, 10),
        ("default/b", "one", 0, 20),
        ("default/x", "eight", 15, 1),
        ("default/y", "eight", 20, 1),
    )
    result = run(with_running("a", "b"), trace, "first-fit")
    assert dict(result.placed) == {"eight": 1}
    assert dict(result.refused) == {"eight": 1}
    assert [item.utilisation for item in result.samples] == [0.5, 0.5, 0.5, 1.0]


def test_what_nobody_in_the_trace_holds_stays_held() -> None:
    result = run(with_running("a"), recorded(("default/x", "eight", 99, 1)), "first-fit")
    assert result.refused["eight"] == 1
    assert result.samples[0].utilisation == 0.5


def test_a_pod_of_the_same_name_as_one_before_it_is_another_one() -> None:
    trace = recorded(("default/a-0", "one", 0, 10), ("default/a-0", "one", 5, 10))
    result = run(one_node(), trace, "first-fit")
    assert result.placed["one"] == 2
    assert [item.utilisation for item in result.samples] == [1 / 8, 2 / 8]


def test_what_leaves_makes_room_at_the_same_moment() -> None:
    result = run(one_node(), jobs(("eight", 0, 10), ("eight", 10, 10)), "first-fit")
    assert result.placed["eight"] == 2
    assert not result.refused


def test_what_does_not_fit_waits_for_as_long_as_it_may() -> None:
    trace = jobs(("eight", 0, 10), ("eight", 4, 10), ("one", 30, 1))
    impatient, patient = run(one_node(), trace, "first-fit"), run(one_node(), trace, "first-fit", 7)
    assert impatient.refused["eight"] == 1
    assert patient.refused.total() == 0
    assert patient.waited == 6


def test_devices_of_a_node_that_the_largest_request_cannot_use_are_fragments() -> None:
    result = run(one_node(), jobs(("one", 0, 100), ("one", 1, 100)), "first-fit")
    assert [(item.utilisation, item.fragmentation) for item in result.samples] == [(1 / 8, 1.0), (2 / 8, 1.0)]


def test_the_same_seed_makes_the_same_trace_and_the_same_result() -> None:
    traces = [SHAPES["partitioned"].trace(2, 60, draws(5)) for _ in range(2)]
    assert traces[0] == traces[1]
    assert traces[0] != SHAPES["partitioned"].trace(2, 60, draws(6))
    results = [run(fleet("partitioned"), traces[0], "least-fragmentation") for _ in range(2)]
    assert results[0] == results[1]


def test_a_trace_is_read_as_it_was_written() -> None:
    shape = SHAPES["inference-training"]
    trace = shape.trace(4, 30, draws(1))
    assert read_trace(json.loads(json.dumps(trace_to_json(trace, shape.specs()))), "file") == trace


_KIND = {"name": "a", "size": 1, "spec": {}}
_JOB = {"name": "j", "kind": "a", "at": 0, "seconds": 1}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "file: kinds: is missing"),
        ([], "file: must be an object, not a list"),
        ({"kinds": {}, "jobs": []}, "file: kinds: must be a list, not an object"),
        ({"kinds": [{"name": 1}], "jobs": []}, "file: kinds\\[0\\].name: must be a string"),
        ({"kinds": [{"name": "a", "size": "1"}], "jobs": []}, "file: kinds\\[0\\].size: must be a number"),
        ({"kinds": [_KIND, _KIND], "jobs": [_JOB]}, "file: kinds\\[1\\].name: duplicate name 'a'"),
        ({"kinds": [_KIND], "jobs": [_JOB, _JOB]}, "file: jobs\\[1\\].name: duplicate name 'j'"),
        ({"kinds": [_KIND], "jobs": [_JOB | {"at": "5"}]}, "file: jobs\\[0\\].at: must be a number"),
        ({"kinds": [_KIND], "jobs": [_JOB | {"seconds": True}]}, "jobs\\[0\\].seconds: must be a number"),
        ({"kinds": [_KIND], "jobs": [_JOB | {"seconds": -1}]}, "jobs\\[0\\].seconds: must be 0 or more"),
        ({"kinds": [_KIND], "jobs": [_JOB | {"at": float("nan")}]}, "jobs\\[0\\].at: must be 0 or more"),
        ({"kinds": [_KIND], "jobs": []}, "file: jobs: is empty"),
        ({"kinds": [], "jobs": []}, "kinds: is empty"),
        ({"kinds": [], "jobs": [{"name": "a", "kind": "b", "at": 0, "seconds": 1}]}, "jobs\\[0\\].kind"),
    ],
)
def test_a_broken_trace_is_told_of_with_its_field(raw: object, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        read_trace(raw, "file")


def test_the_drawing_has_a_line_for_each_policy_and_measure() -> None:
    results = [run(one_node(), jobs(("one", 0, 9), ("one", 1, 9)), name) for name in ("first-fit", "spread")]
    drawing = plot("a < b", results)
    assert drawing.count("<polyline") == 4
    assert [f">{seconds} s<" in drawing for seconds in (0, 1)] == [True, True]
    assert "a &lt; b" in drawing


def test_the_legend_of_many_policies_stays_within_the_drawing() -> None:
    result = run(one_node(), jobs(("one", 0, 9)), "first-fit")
    root = ET.fromstring(plot("t", [result] * 8))  # noqa: S314 - made here
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    texts = [item for item in root if item.tag.endswith("text")]
    assert all(float(item.attrib["y"]) <= height for item in texts)
    assert max(float(item.attrib["x"]) for item in texts if item.text == "first-fit") < width - 100
