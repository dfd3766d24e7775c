"""Repeats a request until its result is the expected one."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import click

from app.cli.options import POLL_SECONDS, TABLE, WIDE
from app.cli.talk import counted, progress, say

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"(\d+)([smh]?)\Z")


class DurationParam(click.ParamType[float]):
    """Seconds, or a number with s, m or h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See click.ParamType."""
        if isinstance(value, int | float):
            return float(value)
        found = _DURATION.match(str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 5m or 1h", param, ctx)
        return float(int(found[1]) * _SECONDS[found[2] or "s"])


def until(
    evaluation: Callable[[], dict[str, Any]],
    satisfied: Callable[[dict[str, Any]], bool],
    describe: Callable[[dict[str, Any]], str],
    timeout_seconds: float,
    poll_seconds: float,
) -> dict[str, Any]:
    """The first result that satisfies, or the last one before the timeout.

    Shows on stderr what is missing.
    """
    end = time.monotonic() + timeout_seconds
    shown = ""
    while True:
        answer = evaluation()
        left = end - time.monotonic()
        if satisfied(answer) or left <= 0:
            progress("")
            if not satisfied(answer):
                say(f"timed out after {timeout_seconds:g} s")
            return answer
        text = describe(answer)
        if text != shown:
            say(text)
            shown = text
        progress(f"waiting, {left:.0f} s left (inventory revision {answer['revision']})")
        time.sleep(min(poll_seconds, max(left, 0)))


def listed(
    noun: str,
    evaluation: Callable[[], list[dict[str, Any]]],
    identity: Callable[[dict[str, Any]], object],
    selected: Callable[[dict[str, Any]], bool],
    *,
    show: Callable[[list[dict[str, Any]], str], None],
    output: str,
    watch: bool,
) -> None:
    """Shows the selected items, with their number below a table. ``watch``: continues until interrupted."""
    for items in watched(evaluation, identity, selected, POLL_SECONDS, None if watch else 1):
        show(items, output)
        if not watch and output in (TABLE, WIDE):
            say(counted(len(items), noun))


def watched(
    evaluation: Callable[[], list[dict[str, Any]]],
    identity: Callable[[dict[str, Any]], object],
    selected: Callable[[dict[str, Any]], bool],
    poll_seconds: float,
    rounds: int | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """Yields all selected items first, then in each round those that are new or have changed.

    An item that is no longer selected is shown once more as it is now; one that is gone as it was, with
    ``"gone": true``.

    Args:
        rounds: how many requests to send; None: until interrupted.
    """
    known: dict[object, dict[str, Any]] = {}
    shown: set[object] = set()
    requests = 0
    while rounds is None or requests < rounds:
        if requests:
            time.sleep(poll_seconds)
        items = {identity(item): item for item in evaluation()}
        now = {name for name, item in items.items() if selected(item)}
        changed = [items[name] for name in items if name in now | shown and known.get(name) != items[name]]
        gone = [known[name] | {"gone": True} for name in known if name in shown and name not in items]
        known, shown = items, now
        if changed or gone or not requests:
            yield changed + gone
        requests += 1
