"""Runs Kubernetes' own tests, compiled by upstream_build, on one side. Standard library only."""

import enum
import os
from pathlib import Path

import control_plane
import gobuild
import gotest
import upstream_build

LOGS = upstream_build.TARGET / "logs"
PROGRAM = gobuild.REPOSITORY / ".venv" / "bin" / "dra-extender"
CONFIGURATION = gobuild.REPOSITORY / "examples" / "kube-scheduler.yaml"


class Side(enum.Enum):
    """Who allocates devices."""

    IN_TREE = "in-tree"
    HERE = "here"
    REWORDED = "here-reworded"
    """As HERE, with the reasons of its answers put into the plugin's words on their way to kube-scheduler."""


def run(
    program: Path, side: Side, *, select: str, skip: str, seconds: int, arguments: tuple[str, ...] = ()
) -> dict[str, gotest.Result]:
    """Every test by name; the whole output is kept in `.cache/upstream/logs`.

    Raises:
        RuntimeError: no test has run.
    """
    logs = LOGS / side.value
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "extender.log").unlink(missing_ok=True)
    log = logs / "tests.log"
    found = gotest.run(
        program,
        log,
        select=select,
        environment=environment(side, logs),
        seconds=seconds,
        arguments=(f"-test.skip={skip}", *arguments),
    )
    if not found:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise RuntimeError(f"{tail}\n{program} has run no test that {select!r} names; see {log}")
    return found


def environment(side: Side, logs: Path) -> dict[str, str]:
    """Of the tests. Their etcd comes from `make control-plane`."""
    variables = os.environ | {
        "PATH": f"{control_plane.recipe().folder}{os.pathsep}{os.environ['PATH']}",
        # Nothing listens there: the tests start their own etcd, whatever else runs on this machine.
        "KUBE_INTEGRATION_ETCD_URL": "http://127.0.0.1:1",
        # Where the sources are that -trimpath has cut from the program.
        "TEST_SRCDIR": str(upstream_build.source_folder().parents[1]),
        "TEST_WORKSPACE": ".",
    }
    if side is Side.IN_TREE:
        return variables
    return variables | {
        "UPSTREAM_EXTENDER": str(PROGRAM),
        "UPSTREAM_SCHEDULER_CONFIGURATION": str(CONFIGURATION),
        "UPSTREAM_LOGS": str(logs),
        "UPSTREAM_REWORD": str(side is Side.REWORDED).lower(),
    }
