"""Streams that are full, closed or read no more: a message and an exit code, no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("dra-extender")
INVENTORY = "--snapshot examples/inventory"


def shell(command: str) -> tuple[int, str]:
    """Exit code and stderr, with ``dra`` for the program."""
    text = f'dra() {{ {PROGRAM} "$@"; }}; {command}'
    ran = subprocess.run(["bash", "-c", text], cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        f"devices -o json {INVENTORY}",
        "convert -f examples/dra-task-page.yaml",
        "simulate bimodal --nodes 2 --pods 5",
        f"snapshot {INVENTORY}",
        "plan --help",
    ],
)
def test_a_full_disk_is_told_of(arguments: str) -> None:
    code, printed = shell(f"dra {arguments} > /dev/full")
    assert (code, printed.splitlines()[-1]) == (
        2,
        "dra-extender: cannot write to stdout: No space left on device",
    )
    assert "Traceback" not in printed


def test_a_closed_stdout_is_told_of() -> None:
    code, printed = shell(f"dra devices {INVENTORY} >&-")
    assert (code, printed) == (2, "dra-extender: cannot write to stdout: it is closed\n")


def test_a_closed_stdin_is_told_of() -> None:
    code, printed = shell("dra check -f - <&-")
    assert (code, printed) == (2, "dra-extender: stdin: it is closed\n")


def test_a_closed_stderr_loses_only_messages() -> None:
    assert shell(f"dra devices {INVENTORY} 2>&- > /dev/null") == (0, "")


def test_a_reader_that_goes_before_the_messages_is_no_failure() -> None:
    code, _ = shell(f"set -o pipefail; dra devices {INVENTORY} 2>&1 | head -1")
    assert code == 0


def test_stdin_is_read_once() -> None:
    code, printed = shell("dra plan -f - --snapshot - < examples/dra-task-page.yaml")
    assert (code, printed) == (
        2,
        "dra-extender: only one - can read stdin; name a file instead of the others\n",
    )
