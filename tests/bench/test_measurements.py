"""The benchmark measures what it says: the same answers as in-tree, and less work where it says so."""

import asyncio
import json
import os
from pathlib import Path

import gobuild
import oracle
import pytest

from bench import allocation, files_entered, http_filter, scale, shortcuts
from bench.run import Part, Run
from bench.scenes import SCENES

FITTING = {
    "one": 6,
    "misfit": 0,
    "half": 6,
    "match-4": 6,
    "unique": 6,
    "backtracking": 0,
    "partitioned": 6,
    "consumable": 6,
}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_every_scene_is_answered(scene: allocation.Scene) -> None:
    row = allocation.measure(scene, 6, 1, None)
    assert row["fits"] == FITTING[scene.name]


def test_a_later_pod_costs_a_look_at_the_changed_node_alone() -> None:
    ours = allocation.Ours(SCENES[0], 30)
    ours.moving()
    (classes,) = ours._memo.classes
    computed, searches = classes.computed, ours._memo.searches
    ours.moving()
    assert classes.computed == computed + 1
    assert ours._memo.searches == searches  # it looks as before


@pytest.mark.oracle
def test_the_in_tree_allocator_says_the_same() -> None:
    uv = Path(os.environ["UV"]) if "UV" in os.environ else None
    try:
        program = oracle.binary(uv=uv)
    except gobuild.BuildError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no oracle: {error}")
    with oracle.Oracle("bench", program) as in_tree:
        for scene in SCENES:
            row = allocation.measure(scene, 6, 1, in_tree)  # raises if the answers differ
            assert row["in_tree_ms"] > 0


def test_filters_over_http_are_answered_by_a_process_of_its_own() -> None:
    row = asyncio.run(http_filter.measure(SCENES[0], 5, 4))
    assert row["pod_ms"] > row["filter_ms"] > 0
    assert row["answer_bytes"] > len("node-00000") * 5


def test_files_are_counted_in_greenlets_too() -> None:
    rows = {row["request"]: row for row in asyncio.run(files_entered.measure(SCENES[0], 6))}
    first, warm = rows["first filter"], rows["warm filter"]
    assert min(first["files"], rows["after a bind"]["files"]) > warm["files"] > 10
    assert all(row["calls"] >= row["moves"] >= row["files"] for row in rows.values())


def test_what_grows_is_measured_over_http_and_by_events() -> None:
    served = asyncio.run(scale.served(SCENES[0], 30))
    assert served["filter_ms"] > 0
    assert served["ready_mb"] > 10
    assert scale.changed(SCENES[0], 30)["slice_ms"] > 0


@pytest.mark.parametrize("name", shortcuts.SHORTCUTS)
def test_an_answer_is_the_same_without_a_shortcut(name: str) -> None:
    row = asyncio.run(shortcuts.measure(SCENES[0], 40, shortcuts.SHORTCUTS[name], calls=4))
    assert {key for key in row if key.endswith("-off")} == {
        "filter-0-off",
        "prioritize-0-off",
        "filter-1-off",
    }


def test_results_tell_what_they_were_measured_with(tmp_path: Path) -> None:
    run = Run(tmp_path, [1], 1, 0)
    Part("counted", "rows of one column", ("n",), lambda _: iter([{"n": 7}])).run(run, tmp_path)
    written = json.loads((tmp_path / "counted.json").read_text())
    assert written["rows"] == [{"n": 7}]
    assert written["about"]["mix_ms"] == run.mix_ms > 0
