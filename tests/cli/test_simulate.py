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
        (["--trace", "/nowhere.json"], "--trace: /nowhere.json: No such file"),
        (["bimodal", "--load", "nan"], "must be a finite number"),
        (["bimodal", "--patience", "nan"], "must be a finite number"),
        (["bimodal", "--patience", "inf"], "must be a finite number"),
        (["--trace", "x", "--pods", "9"], "--trace excludes --pods"),
        (["--trace", "x", "--write-trace", "y"], "--trace excludes --write-trace"),
        (["bimodal", "--nodes", "2", "--snapshot", "x"], "--snapshot excludes --nodes"),
        (["bimodal", "--snapshot", "/nowhere.yaml"], "--snapshot: "),
    ],
)
def test_bad_input_is_told_of(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", *flags]) == 2
    assert message in capsys.readouterr().err


def _trace(spec: object) -> bytes:
    kinds = [{"name": "k", "size": 1, "spec": spec}]
    return json.dumps({"kinds": kinds, "jobs": [{"name": "j", "kind": "k", "at": 0, "seconds": 1}]}).encode()


def _requesting(**fields: object) -> dict[str, object]:
    exactly = {"deviceClassName": "gpu"} | fields
    return {"devices": {"requests": [{"name": "r", "exactly": exactly}]}}


BROKEN_TRACES: dict[str, tuple[bytes, str]] = {
    "no text": (b"\xff\xfe\x00", "not valid JSON"),
    "deep": (b"[" * 100_000, "not valid JSON"),
    "no number": (b'{"kinds": [{"name": "k", "size": NaN}]}', "not valid JSON"),
    "no object": (b"[]", "must be an object"),
    "a negative count": (
        _trace(_requesting(count=-1)),
        "kinds[0].spec.devices.requests[0].exactly.count: must be greater than 0",
    ),
}


@pytest.mark.parametrize(("content", "message"), BROKEN_TRACES.values(), ids=BROKEN_TRACES)
def test_a_broken_trace_is_told_of_with_its_file(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.json"
    path.write_bytes(content)
    needed = ["plan", "--nodes-needed", "--like", "worker-1", "--snapshot", "examples/inventory"]
    for command in (["simulate"], needed):
        assert run([*command, "--trace", str(path)]) == 2
        assert f"--trace: {path}: {message}" in capsys.readouterr().err


def test_a_class_that_the_inventory_lacks_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.json"
    path.write_bytes(_trace(_requesting(deviceClassName="other")))
    assert run(["simulate", "--trace", str(path)]) == 2
    assert f"{path}: kind 'k': DeviceClass other not found" in capsys.readouterr().err
