"""``simulate`` on the command line."""

import json
from pathlib import Path

import pytest

from app.cli.application import run


def test_policies_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawing, trace = tmp_path / "plot.svg", tmp_path / "trace.json"
    flags = [
        "simulate",
        "bimodal",
        "--nodes",
        "4",
        "--pods",
        "40",
        "--policy",
        "first-fit,binpack=2+spread=1",
    ]
    assert run([*flags, "--plot", str(drawing), "--write-trace", str(trace), "-o", "json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert [item["policy"] for item in first["policies"]] == ["first-fit", "binpack=2,spread=1"]
    assert all(
        sum(item["placed"].values()) + sum(item["refused"].values()) == 40 for item in first["policies"]
    )
    assert drawing.read_text().startswith("<svg")
    assert (
        run(["simulate", "--trace", str(trace), "--nodes", "4", "--policy", "first-fit", "-o", "json"]) == 0
    )
    again = json.loads(capsys.readouterr().out)
    assert again["policies"] == first["policies"][:1]


def test_a_table_names_what_was_refused_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "diurnal", "--nodes", "4", "--pods", "20"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert "4-GPUS-ONE-NUMA REFUSED" in head
    assert [row.split()[0] for row in rows] == ["first-fit", "binpack", "least-fragmentation"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "name a SHAPE or a --trace"),
        (["bimodal", "--policy", "best"], "there is no policy 'best'"),
        (["--trace", "/nowhere.json"], "--trace: "),
        (["bimodal", "--snapshot", "/nowhere.yaml"], "--snapshot: "),
    ],
)
def test_bad_input_is_told_of(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", *flags]) == 2
    assert message in capsys.readouterr().err
