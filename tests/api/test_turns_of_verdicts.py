"""Long answers are encoded in turns with everybody else."""

import asyncio
from itertools import count

import orjson

from app.api.turns import Turns
from app.api.verdicts import encoded_nodes, node_verdict
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
