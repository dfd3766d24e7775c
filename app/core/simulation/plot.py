"""Utilisation and fragmentation over time as a drawing (SVG), one line a policy."""

from collections.abc import Sequence

from app.core.simulation.run import TraceResult

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP = 860, 200, 60, 840, 50
_ACROSS, _LINE = 3, 22
"""Policies in a line of the legend, and how high it is."""
_TICKS, _HOUR = 6, 3600
_COLOURS = ("#8a8a8a", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#bcbd22")


def plot(title: str, results: Sequence[TraceResult]) -> str:
    """The drawing, for light and dark pages. O(samples)."""
    end = max((item.samples[-1].at for item in results if item.samples), default=0.0) or 1.0
    below = 2 * (_HEIGHT + _TOP)
    height = below + 20 + _LINE * -(-len(results) // _ACROSS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="13" fill="#777">',
        f'<text x="{_LEFT}" y="20">{_escaped(title)}</text>',
    ]
    for number, name in enumerate(("utilisation", "fragmentation")):
        parts += _panel(name, _TOP + number * (_HEIGHT + _TOP), end, results)
    for number, result in enumerate(results):
        line, place = divmod(number, _ACROSS)
        x, y = _LEFT + place * (_RIGHT - _LEFT) // _ACROSS, below + 20 + line * _LINE
        parts += [
            f'<path d="M{x} {y - 4}h14" stroke="{_colour(number)}" stroke-width="3"/>',
            f'<text x="{x + 20}" y="{y}">{_escaped(result.policy)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _panel(name: str, top: int, end: float, results: Sequence[TraceResult]) -> list[str]:
    bottom, middle = top + _HEIGHT - 20, top + (_HEIGHT - 20) // 2
    parts = [
        f'<path d="M{_LEFT} {top}H{_RIGHT}M{_LEFT} {middle}H{_RIGHT}" stroke="#999" opacity=".3"/>',
        f'<path d="M{_LEFT} {top}V{bottom}H{_RIGHT}" fill="none" stroke="#999"/>',
        f'<text x="{_LEFT}" y="{top - 6}" font-weight="bold">{name}</text>',
        *(
            f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{share} %</text>'
            for y, share in ((top, 100), (middle, 50), (bottom, 0))
        ),
        *(
            f'<text x="{_LEFT + (_RIGHT - _LEFT) * tick // _TICKS}" y="{bottom + 16}" text-anchor="middle">'
            f"{_time(end * tick / _TICKS, end)}</text>"
            for tick in range(_TICKS + 1)
        ),
    ]
    for number, result in enumerate(results):
        points = " ".join(
            f"{_LEFT + (_RIGHT - _LEFT) * sample.at / end:.1f},"
            f"{bottom - (bottom - top) * getattr(sample, name):.1f}"
            for sample in result.samples
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{_colour(number)}" stroke-width="1.5"/>'
        )
    return parts


def _time(seconds: float, end: float) -> str:
    if end >= 2 * _HOUR:
        return f"{seconds / _HOUR:.0f} h"
    return f"{seconds:.0f} s"


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
