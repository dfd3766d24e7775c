"""Who writes when: in order, what has begun first, and no slot is ever lost."""

import asyncio
from contextlib import suppress

import pytest

from app.cluster.binding.bind_limiter import BindLimiter
from tests.cluster.virtual_time import in_virtual_time


class Office:
    """Users of two slots; each step takes a second. ``log`` says what was begun and ended, in order."""

    def __init__(self) -> None:
        self.slots = BindLimiter(2)
        self.log: list[str] = []
        self.inside = self.most = 0

    async def use(self, name: str) -> None:
        async with self.slots.begin:
            await self._step(f"{name} begins")
        async with self.slots.end:
            await self._step(f"{name} ends")

    async def _step(self, text: str) -> None:
        self.log.append(text)
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(1)
        self.inside -= 1


@in_virtual_time
async def test_who_has_begun_and_waits_goes_before_who_has_not() -> None:
    office = Office()
    await asyncio.gather(*map(office.use, "abcdef"))
    assert office.most == 2
    assert sorted(office.log) == sorted(f"{name} {step}" for name in "abcdef" for step in ("begins", "ends"))
    assert office.log.index("b ends") < office.log.index("e begins")


@pytest.mark.parametrize("ticks", [0, 1, 2, 3], ids=["waiting", "called", "called just now", "inside"])
@in_virtual_time
async def test_a_user_that_is_cancelled_loses_no_slot(ticks: int) -> None:
    office = Office()
    users = [asyncio.create_task(office.use(name)) for name in "abc"]
    await asyncio.sleep(0.5)
    users[0].cancel()  # its slot is for c
    for _ in range(ticks):
        await asyncio.sleep(0)
    users[2].cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*users)
    await users[1]
    office.most = office.inside = 0
    await asyncio.gather(office.use("d"), office.use("e"), office.use("f"))
    assert office.most == 2
