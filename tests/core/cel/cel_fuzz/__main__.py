"""``python -m cel_fuzz``: random expressions, this project's answer against cel-go's (``make fuzz-cel``).

Prints every difference and exits with 1 if there is one.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from oracle import binary

from app.core.cel import CelError, CelFeatures, CelRuntimeError, compile_derived, compile_selector
from app.core.model.device import DeviceShape, read_device
from cel_fuzz.grammar import Grammar, mutated
from cel_fuzz.words import BARE, DEVICE

BATCH = 2000


def shape_of(device: dict[str, Any]) -> DeviceShape:
    """The shape of a device in the oracle's form."""
    return read_device({"name": "d", **device}, device["driver"]).shape


def answer(mode: str, text: str, shape: DeviceShape) -> tuple[str, Any]:
    """This project's verdict, and the value of a derived attribute."""
    if mode == "derived":
        derived = compile_derived(text, CelFeatures())
        if derived.error is not None:
            return "invalid", None
        try:
            found = derived.evaluate(shape)
        except CelError:
            return "invalid", None
        value = list(found.value) if isinstance(found.value, tuple) else found.value
        return "value", {found.kind: value}
    selector = compile_selector(text, CelFeatures())
    if selector.error is not None:
        return "invalid", None
    try:
        return ("fits" if selector.matches(shape) else "misfit"), None
    except CelRuntimeError:
        return "invalid", None


def same(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> bool:
    """Whether attributes are equal; an empty list leaves no trace in JSON, and Go's maps have no order."""
    if not ours or not theirs:
        return not theirs and (not ours or ours == {"strings": []})
    (kind, value), (other_kind, other) = *ours.items(), *theirs.items()
    if kind == other_kind and isinstance(value, list):
        return sorted(value) == sorted(other)
    return ours == theirs


def reference(questions: list[dict[str, Any]], program: Path) -> Iterator[dict[str, Any]]:
    """The oracle's answers, in order."""
    with tempfile.TemporaryFile("w+") as lines:
        lines.writelines(json.dumps(question) + "\n" for question in questions)
        lines.seek(0)
        with subprocess.Popen([program, "cel"], stdin=lines, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield json.loads(line)


def fuzz(count: int, seed: int, program: Path, *, garbage: float = 0.1) -> Counter[str]:
    """Compares ``count`` expressions and prints the differences."""
    random = Random(seed)  # noqa: S311  # a run must be repeatable
    tally: Counter[str] = Counter()
    shapes = {"full": (DEVICE, shape_of(DEVICE)), "bare": (BARE, shape_of(BARE))}
    while tally["expressions"] < count:
        questions, mine = [], []
        for _ in range(min(BATCH, count - tally["expressions"])):
            mode, text = Grammar(random).expression()
            if random.random() < garbage:
                text = mutated(random, text)
            device, shape = shapes["bare" if random.random() < 0.1 else "full"]
            questions.append({"mode": mode, "expression": text, "device": device})
            mine.append((mode, text, shape))
            tally["expressions"] += 1
        for question, (mode, text, shape), theirs in zip(
            questions, mine, reference(questions, program), strict=True
        ):
            verdict, value = answer(mode, text, shape)
            tally[theirs["verdict"]] += 1
            if verdict != theirs["verdict"] or not same(value, theirs.get("attribute")):
                if _wavers(question, program):
                    tally["order-dependent"] += 1
                    continue
                tally["differences"] += 1
                told = f"{theirs['verdict']} {theirs.get('attribute', '')} {theirs.get('error', '')[:200]!r}"
                _say(f"{mode}: {text!r}\n  cel-go: {told}\n  ours: {verdict} {value or ''}")
    return tally


def _wavers(question: dict[str, Any], program: Path) -> bool:
    """Whether cel-go itself says now this, now that: it goes through maps in any order."""
    return len({json.dumps(found, sort_keys=True) for found in reference([question] * 10, program)}) > 1


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # a program


def main() -> None:
    """Runs from the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--n", type=int, default=1000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--garbage", type=float, default=0.1, help="how many expressions are mutilated")
    options.add_argument("--uv", type=Path)
    given = options.parse_args()
    tally = fuzz(given.n, given.seed, binary(uv=given.uv), garbage=given.garbage)
    _say(", ".join(f"{number} {name}" for name, number in sorted(tally.items())))
    sys.exit(1 if tally["differences"] else 0)


if __name__ == "__main__":
    main()
