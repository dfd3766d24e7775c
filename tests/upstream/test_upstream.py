"""Some of Kubernetes' own tests with this program in the plugin's place; `make upstream` runs them all."""

from pathlib import Path

import gobuild
import pytest
import upstream
import upstream_build
import upstream_page
import upstream_run

# Those that are done within seconds and pass, but for words.
QUICK = {
    "all": (
        "DerivedAttributes",
        "ExplicitExtendedResource",
        "ImplicitExtendedResource",
        "NoScheduleWithV1Rule",
        "PartitionableDevices",
        "PrioritizedListScoring",
        "UsesAllResources",
    ),
    "GA": ("ExplicitExtendedResource", "NoScheduleWithSlices"),
}
REASONS = {"all/Words": "the reason", "all/Gang*": "not yet"}


@pytest.mark.e2e
@pytest.mark.parametrize("configuration", QUICK)
def test_quick_ones_pass_with_the_extender_in_the_place_of_the_plugin(
    dra_tests: str, configuration: str
) -> None:
    select = f"^TestDRA$/^{configuration}$/^({'|'.join(QUICK[configuration])})$"
    found = upstream_run.run(
        upstream_build.binary(dra_tests),
        upstream_run.Side.REWORDED,
        select=select,
        skip=upstream.SKIP,
        seconds=240,
    )
    ended = {name: result.outcome for name, result in found.items()}
    assert set(ended.values()) == {"pass"}, ended
    assert {f"TestDRA/{configuration}/{name}" for name in QUICK[configuration]} <= set(ended)


@pytest.mark.e2e
def test_those_of_what_devices_take_of_nodes_pass_in_the_words_of_the_extender(dra_tests: str) -> None:
    found = upstream_run.run(
        upstream_build.binary(dra_tests),
        upstream_run.Side.HERE,
        select=upstream.selection("all/DRANodeAllocatableResources"),
        skip=upstream.SKIP,
        seconds=240,
    )
    ended = {name: result.outcome for name, result in found.items()}
    assert set(ended.values()) == {"pass"}, ended
    assert len(ended) > 16


def test_every_difference_has_a_reason_and_every_reason_a_difference() -> None:
    reasons = upstream_page.load_reasons()
    assert upstream_page.faults(upstream_page.rows(upstream_page.load_results(), reasons), reasons) == []


def test_the_results_are_of_the_version_that_is_built() -> None:
    assert f'"kubernetes": "{upstream_build.version()}"' in upstream_page.RESULTS.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        pytest.param({"all/Pod": ("pass", "pass")}, [], id="equal"),
        pytest.param({"all/Words": ("pass", "words")}, [], id="differs-with-a-reason"),
        pytest.param(
            {"all/GangA": ("pass", "pass"), "all/GangB": ("pass", "fail")}, [], id="one-of-a-pattern"
        ),
        pytest.param({"all/Old": ("fail", "fail")}, [], id="fails-in-tree-too"),
        pytest.param(
            {"all/Pod": ("pass", "unfinished")},
            ["all/Pod: unfinished here, and no reason"],
            id="differs-without-a-reason",
        ),
        pytest.param(
            {"all/Words": ("pass", "pass")}, ["all/Words: a reason, and no difference"], id="stale-reason"
        ),
    ],
)
def test_a_difference_needs_a_reason_and_a_reason_a_difference(
    results: dict[str, tuple[str, str]], expected: list[str]
) -> None:
    assert upstream_page.faults(upstream_page.rows(results, REASONS), REASONS) == expected


def test_the_table_counts_what_differs_in_words_alone_apart() -> None:
    results = {"all/Gang": ("pass", "fail"), "all/Pod": ("pass", "pass"), "all/Words": ("pass", "words")}
    lines = upstream_page.tables(upstream_page.rows(results, {"all/Gang": "not yet"})).splitlines()
    assert "| `all` | 3 | 3 | 1 | 1 | 1 |" in lines
    assert "| Gang | pass | fail | not yet |" in lines


def test_failed_subtests_are_selected_level_by_level() -> None:
    names = ["TestDRA/all/Pod", "TestDRA/GA/Pod", "TestDRA/all/FilterTimeout/enabled"]
    assert upstream.exactly(names) == "^(TestDRA)$/^(all|GA)$/^(Pod|FilterTimeout)$/^(enabled)$"


STARTER = (
    "package util\n\nfunc StartSchedulerWithDone(tCtx T, cfg *C) (*S, <-chan struct{}) {\n\tclient := 1\n}\n"
)


def test_the_seam_is_called_first_by_what_starts_a_scheduler() -> None:
    changed = upstream_build.with_call(STARTER)
    assert changed.replace(upstream_build.CALL, "") == STARTER
    assert f"struct{{}}) {{\n{upstream_build.CALL}\tclient" in changed


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("package util\n", id="gone"),
        pytest.param(STARTER + STARTER, id="twice"),
        pytest.param(STARTER.replace("cfg *C) ", "\n\tcfg *C,\n) "), id="another-form"),
    ],
)
def test_a_starter_of_another_form_is_an_error(text: str) -> None:
    with pytest.raises(gobuild.BuildError, match="not where it was"):
        upstream_build.with_call(text)


def test_changed_sources_are_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("dra", "seam"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.go").write_text("package a\n")
    for name in ("go.mod", "go.sum"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(upstream_build, "MODULE", tmp_path)
    monkeypatch.setattr(upstream_build, "SEAM", tmp_path / "seam")
    seen = {upstream_build._fingerprint("dra")}
    for changed in ("dra/a.go", "seam/a.go", "go.mod"):
        (tmp_path / changed).write_text("changed\n")
        seen.add(upstream_build._fingerprint("dra"))
    assert len(seen) == 4
