"""The results as a drawing: how many times faster than the in-tree allocator, on a log scale."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from bench.run import Row

_WIDTH, _LEFT, _BAR, _TOP = 720, 150, 13, 58
_COLOURS = {"cold": "#7a9cc6", "moving": "#2f5d9b", "over HTTP": "#c2703d", "end to end": "#5d8a3a"}
_DECADES = (0.1, 1, 10, 100, 1000)


def draw(results: Path, target: Path, nodes: int) -> None:
    """Reads in-process, http and e2e.json of ``results``, as far as they are there, and writes an SVG."""
    bars = _bars(results, nodes)
    if bars:
        target.write_text(_svg(bars, nodes))


def _bars(results: Path, nodes: int) -> list[tuple[str, str, float]]:
    found: list[tuple[str, str, float]] = []
    http = {row["scene"]: row for row in _rows(results / "http.json", nodes)}
    for row in _rows(results / "in-process.json", nodes):
        scene = row["scene"]
        found += [(scene, "cold", row["cold_ratio"]), (scene, "moving", row["moving_ratio"])]
        if scene in http:
            found.append((scene, "over HTTP", http[scene]["ratio"]))
    for row in _rows(results / "e2e.json", nodes):
        if row["contender"].startswith("ours") and "to_in_tree" in row:
            candidates = "one" if row["contender"].endswith("-one") else "all"
            found.append((f"Pods/s, {candidates}", "end to end", row["to_in_tree"]))
    return found


def _rows(path: Path, nodes: int) -> Sequence[Row]:
    if not path.exists():
        return []
    rows: list[Row] = json.loads(path.read_text())["rows"]
    return [row for row in rows if row["nodes"] == nodes]


def _x(ratio: float) -> float:
    low, high = math.log10(_DECADES[0]), math.log10(_DECADES[-1])
    place = (math.log10(max(ratio, _DECADES[0])) - low) / (high - low)
    return _LEFT + place * (_WIDTH - _LEFT - 60)


def _svg(bars: Sequence[tuple[str, str, float]], nodes: int) -> str:
    parts: list[str] = []
    height, scene_before = _TOP, ""
    for scene, kind, ratio in bars:
        if scene != scene_before:
            height += 8
            parts.append(_text(_LEFT - 8, height + _BAR, scene, "end"))
            scene_before = scene
        one, end = sorted((_x(1), _x(ratio)))
        parts += [
            f'<rect x="{one:.1f}" y="{height + 2}" width="{end - one:.1f}" height="{_BAR - 2}" '
            f'fill="{_COLOURS[kind]}"/>',
            _text(_x(max(ratio, 1)) + 4, height + _BAR - 2, f"{ratio:g}x", "start", 10),
        ]
        height += _BAR
    grid = [
        f'<line x1="{_x(decade):.1f}" x2="{_x(decade):.1f}" y1="{_TOP}" y2="{height + 4}" stroke="#ccc"/>'
        + _text(_x(decade), height + 18, f"{decade:g}x", "middle", 10)
        for decade in _DECADES
    ]
    legend = [
        f'<rect x="{_LEFT + 130 * number}" y="34" width="11" height="11" fill="{colour}"/>'
        + _text(_LEFT + 130 * number + 16, 44, kind, "start", 11)
        for number, (kind, colour) in enumerate(_COLOURS.items())
    ]
    title = _text(_LEFT, 22, f"Times as fast as the in-tree allocator, one Pod, {nodes} nodes", "start", 14)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + 28}" '
            'font-family="sans-serif">',
            f'<rect width="{_WIDTH}" height="{height + 28}" fill="#fff"/>',
            title,
            *legend,
            *grid,
            *parts,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{text}</text>'
