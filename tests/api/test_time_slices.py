"""Long work takes turns with everybody else, and lets some go first."""

import asyncio
from itertools import count

import orjson
import pytest

from app.api.dry_run.json_answers import encoded_nodes, node_verdict
from app.api.time_slices import Turns
from app.core.placement.node_answer import NodeAnswer


def test_others_get_the_loop_between_the_verdicts_of_nodes() -> None:
    answers = [NodeAnswer(f"n{number}", "fits", score=number) for number in range(20)]
    seen = 0

    async def others() -> None:
        nonlocal seen
        while True:
            seen += 1
            await asyncio.sleep(0)

    async def encode() -> list[orjson.Fragment]:
        other = asyncio.create_task(others())
        found = await encoded_nodes(answers, Turns(count().__next__), full=False)
        other.cancel()
        return found

    found = asyncio.run(encode())
    assert seen >= len(answers) - 1
    assert orjson.loads(orjson.dumps(found)) == [node_verdict(answer, full=False) for answer in answers]


@pytest.mark.parametrize(("urgent", "least", "most"), [(0, 1, 3), (5, 6, 8), (10_000, 8, 40)])
def test_long_work_stands_back_for_what_is_urgent_but_not_for_ever(
    urgent: int, least: int, most: int
) -> None:
    """A millisecond passes at each look at the clock, and ten are the most to stand back for."""
    left = urgent
    seen = 0

    def is_urgent() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    async def others() -> None:
        nonlocal seen
        while True:
            seen += 1
            await asyncio.sleep(0)

    async def work() -> None:
        other = asyncio.create_task(others())
        clock = (number / 1000 for number in count())
        turns = Turns(clock.__next__, 0.001, is_urgent)
        await turns.rest()
        other.cancel()

    asyncio.run(work())
    assert least <= seen <= most
