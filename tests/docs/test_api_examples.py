"""The examples of docs/api.md ask a running service, each in three languages with the same answer."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import api_page
import gobuild
import pytest

from app.api.openapi.code_samples import ADDRESS
from tests.cli.conftest import served as served  # noqa: PLC0414 - a fixture by its own name

_SECTION = re.compile(r"^## (GET|POST) (\S+)\n((?:(?!^## ).*\n)*)", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {
    path: blocks
    for _, path, text in _SECTION.findall(api_page.PAGE.read_text(encoding="utf-8"))
    if (blocks := dict(_BLOCK.findall(text)))
}
Run = Callable[[str, Path], list[str]]


def _go(source: str, folder: Path) -> list[str]:
    try:
        go = gobuild.find_go((1, 25), uv=Path(os.environ["UV"]) if "UV" in os.environ else None)
    except gobuild.BuildError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Go: {error}")
    program = folder / "main.go"
    program.write_text(source, encoding="utf-8")
    return [str(go), "run", str(program)]


LANGUAGES: dict[str, Run] = {
    "sh": lambda source, _: ["bash", "-ceu", source],
    "python": lambda source, _: [sys.executable, "-c", source],
    "go": _go,
}


def test_there_are_examples() -> None:
    assert {"/api/v1/placements", "/api/v1/capacity", "/api/v1/sizing", "/api/v1/devices"} <= EXAMPLES.keys()
    assert all(blocks.keys() == LANGUAGES.keys() for blocks in EXAMPLES.values())


def answer(path: str, language: str, served: str, folder: Path) -> list[Any]:
    """The JSON that an example prints, a value for each line."""
    source = EXAMPLES[path][language]
    assert ADDRESS in source
    done = subprocess.run(
        LANGUAGES[language](source.replace(ADDRESS, served), folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"GO111MODULE": "off", "GOFLAGS": ""},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("language", ["python", "go"])
@pytest.mark.parametrize("path", EXAMPLES)
def test_an_example_gets_what_curl_gets(path: str, language: str, served: str, tmp_path: Path) -> None:
    expected = answer(path, "sh", served, tmp_path)
    assert expected
    assert "error" not in expected[-1]
    assert answer(path, language, served, tmp_path) == expected


def test_the_examples_fit(served: str, tmp_path: Path) -> None:
    [placed] = answer("/api/v1/placements", "sh", served, tmp_path)
    assert (placed["placed"], placed["unplaced"]) == (2, 0)
    *items, last = answer("/api/v1/devices", "sh", served, tmp_path)
    assert {"driver", "pool", "device"} <= items[0].keys()
    assert last["end"]["next"] is None
