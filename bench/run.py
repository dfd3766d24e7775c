"""What every part of the benchmark has: sizes, the in-tree allocator, a table on the screen."""

import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oracle import Oracle

from bench import interpreter

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One run. ``sizes`` and ``scale`` are numbers of nodes; in-tree is left out of ``scale``.

    ``contenders`` of end to end, all of them if empty, with ``pods`` each, 0 for what suits each.
    ``mix_ms`` shows how fast the interpreter and the machine are.
    """

    program: Path
    sizes: Sequence[int]
    rounds: int
    scale: int
    uv: Path | None = None
    contenders: Sequence[str] = ()
    pods: int = 0
    mix_ms: float = field(default_factory=interpreter.mix_ms)
    _started: float = field(default_factory=time.monotonic)

    def in_tree(self) -> AbstractContextManager[Oracle]:
        """Kubernetes' own allocator, as a process to ask."""
        return Oracle("bench", self.program)

    def progress(self, text: str) -> None:
        """A line on stderr, with the seconds since the start."""
        print(f"[{time.monotonic() - self._started:4.0f} s] {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Part:
    """A table. ``name`` is also that of its file in the results; the columns are those on the screen.

    ``lacks`` names what the part needs and is missing; empty if nothing is.
    """

    name: str
    about: str
    columns: Sequence[str]
    measure: Callable[[Run], Iterator[Row]]
    lacks: Callable[[], str] = lambda: ""

    def run(self, run: Run, folder: Path) -> None:
        """Measures, prints each row as it comes, and writes what there is each time."""
        run.progress(f"{self.name}: {self.about}")
        print(*(f"{name:>13}" for name in self.columns), flush=True)
        rows = []
        path = folder / f"{self.name}.json"
        for row in self.measure(run):
            rows.append(row)
            print(*(f"{row.get(name, '-'):>13}" for name in self.columns), flush=True)
            self._write(run, path, rows)
        run.progress(f"written to {path}")

    def _write(self, run: Run, path: Path, rows: list[Row]) -> None:
        about = {
            "what": self.about,
            "python": platform.python_version(),
            "machine": platform.machine(),
            "system": platform.system(),
            "mix_ms": run.mix_ms,
        }
        path.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")
