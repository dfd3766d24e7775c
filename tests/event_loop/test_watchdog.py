"""A turn of the loop that takes long is reported with what it was busy with."""

import asyncio
import threading
import time

import pytest

from app.event_loop.watchdog import Held, Watchdog


def hold_up(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_a_long_turn_is_reported_with_its_place() -> None:
    reports: list[Held] = []

    async def scene() -> None:
        async with Watchdog(reports.append, held_seconds=0.05) as watchdog:
            await asyncio.sleep(0.2)
            reports.clear()  # of a machine that was busy with others
            hold_up(0.5)
            assert watchdog.silence() >= 0.4
            for _ in range(100):
                await asyncio.sleep(0.02)
                if reports:
                    break

    asyncio.run(scene())
    assert reports
    assert reports[0].seconds >= 0.3
    assert any("hold_up" in frame for frame in reports[0].stack)


def test_a_loop_that_turns_is_not_reported() -> None:
    reports: list[Held] = []

    async def scene() -> None:
        async with Watchdog(reports.append, held_seconds=60):
            await asyncio.sleep(0.2)

    asyncio.run(scene())
    assert reports == []


class Starved(threading.Event):
    """What the watchdog's thread waits on, when the loop leaves it no time: it returns too late."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(5 if held.is_set() else timeout)


held = threading.Event()


def test_a_watchdog_that_looks_too_late_reports_the_turn_and_not_its_own_delay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reports: list[Held] = []
    held.clear()

    async def scene() -> None:
        watchdog = Watchdog(reports.append, held_seconds=0.3)
        monkeypatch.setattr(watchdog, "_ended", Starved())
        async with watchdog:
            await asyncio.sleep(0.1)
            hold_up(0.6)
            held.set()
            hold_up(0.6)
            for _ in range(2000):
                await asyncio.sleep(0.01)
                if reports:
                    break

    asyncio.run(scene())
    assert 1 <= reports[0].seconds < 4
    assert any("hold_up" in frame for frame in reports[0].stack)
