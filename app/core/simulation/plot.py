"""Utilisation and fragmentation over time as a drawing (SVG), one line a policy."""

from collections.abc import Sequence

from app.core.simulation.run import Result

_WIDTH, _HEIGHT, _LEFT, _TOP = 860, 200, 60, 40
_COLOURS = ("#8a8a8a", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#bcbd22")


def plot(title: str, results: Sequence[Result]) -> str:
    """The drawing, for light and dark pages. O(samples)."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {2 * (_HEIGHT + _TOP) + 60}" '
        'font-family="sans-serif" font-size="13" fill="#777">',
        f'<text x="{_LEFT}" y="20">{_escaped(title)}</text>',
    ]
    for number, name in enumerate(("utilisation", "fragmentation")):
        parts += _panel(name, _TOP + number * (_HEIGHT + _TOP), results)
    for number, result in enumerate(results):
        x, y = _LEFT + number * 190, 2 * (_HEIGHT + _TOP) + 40
        parts.append(f'<text x="{x}" y="{y}" fill="{_colour(number)}">{_escaped(result.policy)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(name: str, top: float, results: Sequence[Result]) -> list[str]:
    bottom, right = top + _HEIGHT - 20, _WIDTH - 10
    parts = [
        f'<path d="M{_LEFT} {top}V{bottom}H{right}" fill="none" stroke="#999"/>',
        f'<text x="4" y="{top + 12}">100 %</text><text x="4" y="{bottom}">0 %</text>',
        f'<text x="{_LEFT + 8}" y="{top + 12}">{name}</text>',
    ]
    end = max((item.samples[-1].at for item in results if item.samples), default=0.0) or 1.0
    for number, result in enumerate(results):
        points = " ".join(
            f"{_LEFT + (right - _LEFT) * sample.at / end:.1f},"
            f"{bottom - (bottom - top) * getattr(sample, name):.1f}"
            for sample in result.samples
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{_colour(number)}" stroke-width="1.5"/>'
        )
    return parts


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
