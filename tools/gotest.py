"""Runs a compiled Go test (`go test -c`) and reads what it prints. Standard library only."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_STARTED = re.compile(r"^=== RUN +(\S+)$")
# Parallel subtests take turns; each turn begins with such a line.
_TURN = re.compile(r"^=== (?:RUN|CONT|NAME|PAUSE) +(\S*)$")
_ENDED = re.compile(r"^ *--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)$")
_OUTCOMES = {"PASS": "pass", "FAIL": "fail", "SKIP": "skip"}
UNFINISHED = "unfinished"
# For a reader like this one: results come at once, not when the parent ends. Marked lines begin with this.
_VERBOSE = "-test.v=test2json"
_MARK = "\x16"


@dataclass(frozen=True, slots=True)
class Result:
    """How one test ended: pass, fail, skip, or unfinished if the program ended before it did.

    ``output`` is what it logged; children log for themselves.
    """

    name: str
    outcome: str
    seconds: float
    output: tuple[str, ...]


def results(lines: Iterable[str]) -> dict[str, Result]:
    """Every test by name, in the order of their starts."""
    started: dict[str, list[str]] = {}
    ended: dict[str, tuple[str, float]] = {}
    current = ""
    for raw in lines:
        line = raw.rstrip("\n").lstrip(_MARK)
        if found := _STARTED.match(line):
            started.setdefault(found[1], [])
        if found := _TURN.match(line):
            current = found[1]
        elif found := _ENDED.match(line):
            ended[found[2]] = (_OUTCOMES[found[1]], float(found[3]))
        elif current in started:
            started[current].append(line)
    return {
        name: Result(name, *ended.get(name, (UNFINISHED, 0.0)), tuple(output))
        for name, output in started.items()
    }


def leaves(found: Mapping[str, Result]) -> dict[str, Result]:
    """Those without subtests, and those that failed although none of their subtests did."""
    children: dict[str, list[Result]] = {}
    for name, result in found.items():
        children.setdefault(name.rpartition("/")[0], []).append(result)
    return {
        name: result
        for name, result in found.items()
        if name not in children or (result.outcome == "fail" and not _any_failed(children[name]))
    }


def _any_failed(results: Iterable[Result]) -> bool:
    return any(result.outcome in ("fail", UNFINISHED) for result in results)


def run(
    program: Path,
    log: Path,
    *,
    select: str,
    environment: Mapping[str, str],
    seconds: int,
    arguments: Iterable[str] = (),
) -> dict[str, Result]:
    """Runs the tests that the regular expression ``select`` names, as ``-test.run`` reads it.

    All output goes to ``log``. A program that ends early leaves its tests unfinished; that it could not run
    any is for the caller to see: then the result is empty.
    """
    command = [program, f"-test.run={select}", _VERBOSE, f"-test.timeout={seconds}s", *arguments]
    run_to_end(command, log, environment=environment, seconds=seconds, folder=log.parent)
    with log.open(errors="replace") as lines:
        return results(lines)


def run_to_end(
    command: Sequence[str | Path], log: Path, *, environment: Mapping[str, str], seconds: int, folder: Path
) -> int:
    """Runs a command in ``folder``, all its output into ``log``; leaves no child of it behind.

    Raises:
        subprocess.TimeoutExpired: a minute after the time that the command itself keeps to.
    """
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
        try:
            # Go's own timeout comes first, unless the program hangs outside of Go.
            return process.wait(seconds + 60)
        finally:
            # What it has started and left behind, like its etcd if it was killed.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
