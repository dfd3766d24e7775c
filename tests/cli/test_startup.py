"""What is asked often answers at once: --help and --version load nothing that they do not need."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli

HEAVY = (
    "aiohttp",
    "asyncio",
    "fastapi",
    "httpx",
    "kubernetes",
    "orjson",
    "pydantic",
    "rich",
    "ruamel",
    "yaml",
)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"import sys; from app.cli.application import run; run({arguments}); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = done.stdout.splitlines()[-1]
    assert [name for name in (*HEAVY, "app.core.model", "app.api") if f"'{name}'" in loaded] == []


@pytest.mark.parametrize("name", ["dra-extender", "kubectl-dra"])
def test_both_programs_are_installed(program: "Cli", name: str) -> None:
    ran = program("--version", name=name)

    assert ran.code == 0
    assert ran.out.startswith("dra-extender ")


def test_kubectl_dra_calls_itself_so(program: "Cli") -> None:
    assert "Usage: kubectl dra check" in program("check", "-h", name="kubectl-dra").out


def test_help_names_every_command(program: "Cli") -> None:
    ran = program("--help")

    listed = [line.split()[0] for line in ran.out.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == [
        "serve",
        "demo",
        "plan",
        "explain",
        "pods",
        "devices",
        "claims",
        "decisions",
        "simulate",
        "snapshot",
        "check",
        "convert",
        "completion",
    ]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    program = Path(sys.executable).with_name("dra-extender")
    file = Path(__file__).parents[2] / "examples/dra-task-page.yaml"

    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {program} convert -f {file} {file} {file} {file} | head -n1"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
