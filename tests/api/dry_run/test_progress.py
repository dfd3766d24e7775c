"""Progress of a dry run: told while it runs, gone when it is over."""

import pytest

from app.cli import progress
from app.cli.asking import Asker
from tests.api.conftest import Asked, run
from tests.api.placement_objects import OBJECTS, Inventory
from tests.objects import pod


def test_a_long_dry_run_tells_how_far_it_is(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_FIRST_SECONDS", 0)
    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0)
    request = {"workloads": [pod("p", templates=("t",))], "replicas": 800}

    async def evaluation(service: Asked) -> None:
        said: list[str] = []
        answer = await progress.placements_with_progress(Asker(service.client, "it"), request, said.append)
        assert len(answer["pods"]) == 800
        assert said
        numbers = [int(text.split()[0]) for text in said]
        assert numbers == sorted(numbers)
        assert all(text.endswith(" of 800 Pods evaluated") for text in said)
        assert await service.get("/api/v1/dry-runs") == {"items": []}

    run(inventory(*OBJECTS), evaluation)


def test_a_short_one_says_nothing(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        said: list[str] = []
        request = {"workloads": [pod("p", templates=("t",))]}
        await progress.placements_with_progress(Asker(service.client, "it"), request, said.append)
        assert said == []

    run(inventory(*OBJECTS), evaluation)
