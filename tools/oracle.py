"""Builds tests/oracle, Kubernetes' own allocator and CEL behind JSON lines, and talks to it.

Standard library only, as gobuild.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import gobuild

FOLDER = gobuild.REPOSITORY / "tests" / "oracle"
TARGET = gobuild.REPOSITORY / ".cache" / "oracle"


DEFAULT = "1.37"
OLDEST = "1.33"
"""Its allocator has another interface: the oracle is a separate program, without CEL."""
VERSIONS = (OLDEST, "1.34", "1.35", "1.36", DEFAULT, "1.38")
"""The minor versions of Kubernetes with an oracle."""


def binary(version: str = DEFAULT, *, uv: Path | None = None) -> Path:
    """The oracle of a minor version, built if its sources have changed since.

    A cold build takes about two minutes.

    Raises:
        gobuild.BuildError: there is no Go, or the build failed.
    """
    if version not in VERSIONS:
        raise gobuild.BuildError(f"there is no oracle of Kubernetes {version}, only of {', '.join(VERSIONS)}")
    if version == OLDEST:
        folder, name = FOLDER / "kube133", f"oracle-{OLDEST}"
        gobuild.build(folder, TARGET, (gobuild.Program(name, ".", gobuild.fingerprint(folder)),), uv=uv)
        return TARGET / name
    name = "oracle" if version == DEFAULT else f"oracle-{version}"
    module = "go.mod" if version == DEFAULT else f"versions/{version}.mod"
    flags = [] if version == DEFAULT else [f"-modfile={module}", f"-tags=kube{version.replace('.', '')}"]
    program = gobuild.Program(name, ".", gobuild.fingerprint(FOLDER, module), prepare=lambda _go: flags)
    gobuild.build(FOLDER, TARGET, (program,), uv=uv, module_file=module)
    return TARGET / name


class OracleError(Exception):
    """The oracle did not understand a question, or is gone."""


class Oracle:
    """A running oracle, asked turn by turn. Ends with the ``with`` block."""

    def __init__(self, command: str, program: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [program or binary(), command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.__exit__(kind, error, trace)

    def ask(self, evaluation: Any) -> dict[str, Any]:
        """The answer to one question, in the form that tests/oracle describes."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise OracleError("the oracle has no pipes")
        stdin.write(json.dumps(evaluation) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise OracleError(f"the oracle ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "failure" in answer:
            raise OracleError(answer["failure"])
        return answer


if __name__ == "__main__":
    try:
        uv = Path(os.environ["UV"]) if "UV" in os.environ else None
        print(binary(sys.argv[1] if len(sys.argv) > 1 else DEFAULT, uv=uv))
    except gobuild.BuildError as error:
        sys.exit(f"oracle: {error}")
