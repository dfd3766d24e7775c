"""How long an attack holds the event loop of a service that is probed meanwhile."""

import asyncio
from pathlib import Path
from typing import Any

from tests.api.conftest import Asked, run
from tests.attack.dear_selectors import probe
from tests.attack.loop_meter import LoopMeter


def held(served: Path, attack: Any, **settings: Any) -> LoopMeter:
    """Runs an attack beside probes."""
    meter = LoopMeter()

    async def scene(service: Asked) -> None:
        await probe(service, 99)
        with meter.measuring():
            task = asyncio.create_task(attack(service))
            for turn in range(5):
                await probe(service, turn)
            await task

    run(served, scene, **settings)
    return meter
