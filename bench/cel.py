"""Selectors: the fast path against cel-go and cel-python, nanoseconds an evaluation, in one run."""

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.core.model.device import DeviceShape, read_device
from app.core.selectors import CelFeatures, compile_selector
from app.core.selectors.environment import compile_expression
from app.core.selectors.reference import compile_reference
from bench.run import Part, Row, Run
from bench.scenes import DRIVER

DEVICE: dict[str, Any] = {
    "driver": DRIVER,
    "attributes": {
        "model": {"string": "a100"},
        "index": {"int": 3},
        "healthy": {"bool": True},
        "driverVersion": {"version": "550.54.15"},
        "pci.example.com/root": {"string": "pci0000:00"},
    },
    "capacity": {"memory": {"value": "40Gi"}, "cores": {"value": "108"}},
}
_A = f'device.attributes["{DRIVER}"]'
_C = f'device.capacity["{DRIVER}"]'
USUAL = (
    f'device.driver == "{DRIVER}"',
    f'{_A}.model == "a100"',
    f'{_A}.model != "a100"',
    f'{_A}.model == "a100" && {_A}.healthy',
    f'{_A}.model == "h100" || {_A}.model == "a100"',
    f'{_A}.model in ["a100", "h100"]',
    f"{_A}.index >= 2",
    f"{_A}.index >= 2 && {_A}.index < 6",
    f"{_A}.healthy",
    f"!{_A}.healthy",
    f'{_A}.model.startsWith("a")',
    f'{_A}.model.matches("^a[0-9]+$")',
    f'has({_A}.model) && {_A}.model == "a100"',
    f'{_A}.?missing.orValue("none") == "none"',
    f'"model" in {_A}',
    f'{_C}.memory.isGreaterThan(quantity("10Gi"))',
    f'{_C}.memory.compareTo(quantity("40Gi")) >= 0',
    f'{_A}.model == "a100" && {_C}.memory.isGreaterThan(quantity("10Gi"))',
    f'{_A}.driverVersion.isGreaterThan(semver("535.0.0"))',
    f"{_A}.driverVersion.major() >= 550",
)
_CALLS = 20_000


def measure(run: Run) -> Iterator[Row]:
    """A row for each usual selector; in cel-go's and our own best of three."""
    shape = read_device({"name": "d"} | DEVICE, DRIVER).shape
    for text, theirs in zip(USUAL, _cel_go(run.program), strict=True):
        selector = compile_selector(text)
        if selector.error is not None or selector.matches(shape) != (theirs["verdict"] == "fits"):
            raise RuntimeError(f"{text}: {theirs['verdict']} in cel-go, {selector.error} here")
        ours = _nanoseconds(selector.matches, shape, _CALLS)
        python = compile_reference(text, compile_expression(text, CelFeatures()).tree, selector.matches, [0])
        slow = _nanoseconds(python, shape, _CALLS // 100) if python is not None else None
        yield {
            "selector": text,
            "fast_ns": round(ours),
            "cel_go_ns": round(theirs["evalNs"]),
            "cel_python_ns": round(slow) if slow else "-",
            "ratio_cel_go": round(theirs["evalNs"] / ours, 1),
            "ratio_cel_python": round(slow / ours) if slow else "-",
            "compile_us": round(_compile_microseconds(text)),
            "cel_go_compile_us": round(theirs["compileNs"] / 1000),
        }


def _nanoseconds(matches: Callable[[DeviceShape], bool], shape: DeviceShape, calls: int) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(calls):
            matches(shape)
        best = min(best, (time.perf_counter() - start) / calls * 1e9)
    return best


def _compile_microseconds(text: str) -> float:
    """The median of single compilations: so that one pause of the machine does not count."""
    took = []
    for _ in range(50):
        start = time.perf_counter()
        compile_selector(text)
        took.append((time.perf_counter() - start) * 1e6)
    return statistics.median(took)


def _cel_go(program: Path) -> list[dict[str, Any]]:
    common = {"mode": "bench", "device": DEVICE, "iterations": _CALLS}
    questions = [common | {"expression": text} for text in USUAL]
    lines = "".join(json.dumps(evaluation) + "\n" for evaluation in questions)
    done = subprocess.run([program, "cel"], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


PART = Part(
    "cel",
    "one evaluation of usual selectors; ratios: theirs over ours, more is better",
    ("fast_ns", "cel_go_ns", "cel_python_ns", "ratio_cel_go", "ratio_cel_python", "compile_us", "selector"),
    measure,
)
