"""The floors of coverage."""

import json
from pathlib import Path

import coverage_floor
import pytest


def report(folder: Path, files: dict[str, tuple[int, int]]) -> Path:
    file = folder / "coverage.json"
    found = {
        name: {"executed_lines": list(range(covered)), "missing_lines": list(range(missing))}
        for name, (covered, missing) in files.items()
    }
    file.write_text(json.dumps({"files": found}), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("core", "rest", "code"),
    [
        pytest.param((97, 3), (90, 10), 0, id="both at their floor"),
        pytest.param((96, 4), (100, 0), 1, id="core below, however well the rest is covered"),
        pytest.param((100, 0), (89, 11), 1, id="the rest below"),
    ],
)
def test_each_part_has_a_floor_of_its_own(
    tmp_path: Path, core: tuple[int, int], rest: tuple[int, int], code: int
) -> None:
    assert coverage_floor.main(report(tmp_path, {"app/core/a/b.py": core, "app/cli/c.py": rest})) == code


def test_a_run_that_measured_nothing_fails(tmp_path: Path) -> None:
    assert coverage_floor.main(report(tmp_path, {})) == 1


def test_packages_are_listed_with_the_lines_they_miss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coverage_floor.main(
        report(tmp_path, {"app/core/state/x.py": (3, 1), "app/cli/c.py": (1, 0), "app/main.py": (1, 0)})
    )
    shown = capsys.readouterr().out.splitlines()
    assert shown[:3] == [
        "app/cli                      100.0 %      0 of 1 lines missed",
        "app/core/state                75.0 %      1 of 4 lines missed",
        "app/main                     100.0 %      0 of 1 lines missed",
    ]
