"""The command line as a person has it: arguments in, exit code and two streams out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.cli.application import run

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command line in this process, from the root of the repository."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["dra-extender"])
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", "/nowhere")

    def call(*arguments: str | Path) -> Ran:
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call


@pytest.fixture
def program() -> Cli:
    """Runs the installed program in a process of its own."""

    def call(*arguments: str, name: str = "dra-extender", stdin: str = "") -> Ran:
        environ = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
        done = subprocess.run(
            [str(Path(sys.executable).with_name(name)), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            env=environ | {"HOME": "/nowhere"},
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return call
