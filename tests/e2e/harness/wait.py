"""Waiting for what another process will do."""

import time
from collections.abc import Callable
from typing import TypeVar

import httpx

T = TypeVar("T")

PATIENCE_SECONDS = 60
"""Far less than the five minutes after which kube-scheduler looks at a refused Pod by itself."""


def until(check: Callable[[], T], what: str, *, seconds: float = PATIENCE_SECONDS, pause: float = 0.05) -> T:
    """Calls `check` until it returns something true, and returns that.

    A server that cannot be reached counts as "not yet": tests kill servers. Every other exception of `check`
    ends the wait.
    """
    deadline = time.monotonic() + seconds
    while True:
        last: object
        try:
            last = result = check()
            if result:
                return result
        except httpx.TransportError as error:
            last = error
        if time.monotonic() > deadline:
            message = f"not within {seconds:g} s: {what}; last seen: {last!r}"
            raise AssertionError(message)
        time.sleep(pause)
