"""Repeats a request until its result is the expected one."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from app.cli.talk import progress, say


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
        # Once, not for each item: the cost is O(items).
        relevant = now | shown
        changed = [item for name, item in items.items() if name in relevant and known.get(name) != item]
        gone = [known[name] | {"gone": True} for name in known if name in shown and name not in items]
        known, shown = items, now
        if changed or gone or not requests:
            yield changed + gone
        requests += 1
