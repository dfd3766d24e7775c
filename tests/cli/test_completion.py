"""Completion in three shells, and by kubectl."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Ran


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", {"COMP_WORDS": "dra-extender pl", "COMP_CWORD": "1"}),
        ("zsh", {"COMP_WORDS": "dra-extender pl", "COMP_CWORD": "1"}),
        ("fish", {"COMP_WORDS": "dra-extender pl", "COMP_CWORD": "pl"}),
    ],
)
def test_the_script_of_a_shell_asks_the_program_what_comes_next(
    program: Cli, shell: str, words: dict[str, str]
) -> None:
    script = program("completion", shell).out
    assert f"_DRA_EXTENDER_COMPLETE={shell}_complete" in script

    environment = os.environ | words | {"_DRA_EXTENDER_COMPLETE": f"{shell}_complete"}
    done = subprocess.run(
        [Path(sys.executable).with_name("dra-extender")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert "plan" in re.split(r"[,\t\n]", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "candidates"),
    [
        (("pl",), ["plan", ":4"]),
        (("plan", "--all"), ["--all-or-nothing", ":4"]),
        (("devices", "--state", "t"), ["taken", "tainted", ":4"]),
        (("explain", "x"), [":0"]),
    ],
)
def test_kubectl_asks_in_a_way_of_its_own(
    program: Cli, arguments: tuple[str, ...], candidates: list[str]
) -> None:
    ran: Ran = program(*arguments, name="kubectl_complete-dra")
    assert ran.out.splitlines() == candidates


def test_an_unknown_shell_is_named(program: Cli) -> None:
    ran = program("completion", "tcsh")
    assert ran.code == 2
    assert "'tcsh' is not one of" in ran.err
