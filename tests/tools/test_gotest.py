"""Reading what a Go test prints: parallel subtests take turns, and a program may end before its tests do."""

import os
import re
import stat
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import gotest
import pytest

PARALLEL = """\
=== RUN   TestDRA
=== RUN   TestDRA/all
    dra.go:377: Config: DRAAdminAccess=true
=== RUN   TestDRA/all/Slow
=== PAUSE TestDRA/all/Slow
=== RUN   TestDRA/all/Failing
=== PAUSE TestDRA/all/Failing
=== CONT  TestDRA/all/Slow
    slow.go:1: waiting
=== NAME  TestDRA/all/Failing
    failing.go:7: FATAL ERROR: 0/8 nodes are available
    --- PASS: a line of a log that looks like a result
=== NAME  TestDRA/all/Slow
    slow.go:2: done
=== RUN   TestDRA/all/Slow/part
    --- PASS: TestDRA/all (3.50s)
        --- FAIL: TestDRA/all/Failing (1.25s)
        --- PASS: TestDRA/all/Slow (2.00s)
            --- SKIP: TestDRA/all/Slow/part (0.00s)
"""


@pytest.mark.parametrize("mark", ["", "\x16"], ids=["for-people", "for-test2json"])
def test_each_test_has_its_outcome_its_time_and_its_own_output(mark: str) -> None:
    # For test2json, marked lines are not indented.
    text = re.sub(r"^ *(--- \w+: TestDRA)", rf"{mark}\1", PARALLEL, flags=re.MULTILINE) if mark else PARALLEL
    text = text.replace("=== ", f"{mark}=== ")
    found = gotest.results(text.splitlines(keepends=True))
    assert {name: (result.outcome, result.seconds) for name, result in found.items()} == {
        "TestDRA": ("unfinished", 0.0),
        "TestDRA/all": ("pass", 3.5),
        "TestDRA/all/Slow": ("pass", 2.0),
        "TestDRA/all/Failing": ("fail", 1.25),
        "TestDRA/all/Slow/part": ("skip", 0.0),
    }
    assert found["TestDRA/all/Slow"].output == ("    slow.go:1: waiting", "    slow.go:2: done")
    assert found["TestDRA/all/Failing"].output[0] == "    failing.go:7: FATAL ERROR: 0/8 nodes are available"


def test_leaves_have_no_subtests_or_failed_themselves() -> None:
    found = gotest.results(PARALLEL.splitlines())
    assert set(gotest.leaves(found)) == {"TestDRA/all/Slow/part", "TestDRA/all/Failing"}
    failed = found | {
        name: replace(found[name], outcome="fail") for name in ("TestDRA/all", "TestDRA/all/Slow")
    }
    assert set(gotest.leaves(failed)) == {"TestDRA/all/Slow/part", "TestDRA/all/Failing", "TestDRA/all/Slow"}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Prints its arguments as the name of a test, starts a child that sleeps, and crashes."""
    path = tmp_path / "tests"
    path.write_text(
        textwrap.dedent(f"""\
        #!{sys.executable}
        import os, subprocess, sys
        child = subprocess.Popen(["sleep", "600"])
        print("=== RUN   " + "|".join(sys.argv[1:] + [os.environ["SIDE"], str(child.pid)]))
        sys.exit(2)
        """)
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_program_that_crashes_leaves_its_tests_unfinished_and_no_process_behind(
    program: Path, tmp_path: Path
) -> None:
    log = tmp_path / "tests.log"
    environment = os.environ | {"SIDE": "here"}
    found = gotest.run(
        program, log, select="^TestDRA$", environment=environment, seconds=20, arguments=["-x"]
    )
    ((name, result),) = found.items()
    *arguments, side, child = name.split("|")
    assert arguments == ["-test.run=^TestDRA$", "-test.v=test2json", "-test.timeout=20s", "-x"]
    assert (side, result.outcome) == ("here", gotest.UNFINISHED)
    assert _ends(int(child))


def _ends(pid: int) -> bool:
    """Whether the process is gone, or is nobody's any more (a zombie that init has not collected yet)."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
