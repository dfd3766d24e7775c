"""The interactive view, with textual's own driver of keys."""

import asyncio
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from app.cli.lists.devices import DEVICES
from app.cli.lists.listing import ListKind
from app.cli.lists.nodes import NODES
from app.cli.lists.pods import PODS
from app.cli.problems import UnreachableError
from app.cli.view import session
from app.cli.view.screen import Screen

NODE = {"name": "n1", "status": "Ready", "devices": {"gpu": {"free": 3, "taken": 1}}}
OTHER = {"name": "n2", "status": "NotReady", "devices": {}}


class Service:
    """Answers with what it has, and counts how often each kind was read."""

    def __init__(self) -> None:
        self.items: dict[str, list[dict[str, Any]]] = {"node": [NODE, OTHER], "device": [], "Pod": []}
        self.reads: list[str] = []
        self.broken = False

    def __call__(self, kind: ListKind) -> list[dict[str, Any]]:
        self.reads.append(kind.noun)
        if self.broken:
            raise UnreachableError("no response")
        return self.items[kind.noun]


def rows(screen: Screen, kind: str) -> list[list[str]]:
    table = screen.query_one(f"#tab-{kind} DataTable", DataTable)
    return [list(map(str, table.get_row_at(number))) for number in range(table.row_count)]


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Lets the view go on until something holds; a failure of the test if it does not."""
    for _ in range(200):
        if holds():
            return
        await pilot.pause(0.02)
    raise AssertionError("the view does not get there")


def test_the_view_shows_one_kind_at_a_time_reads_again_and_searches() -> None:
    async def scenario() -> None:
        service = Service()
        screen = Screen([NODES, DEVICES, PODS], service, 3600)
        async with screen.run_test() as pilot:
            await until(pilot, lambda: len(rows(screen, "node")) == 2)
            assert [row[0] for row in rows(screen, "node")] == ["n1", "n2"]
            assert rows(screen, "node")[0][2:5] == ["4", "1", "3"]
            assert set(service.reads) == {"node"}
            service.items["node"] = [NODE]
            await pilot.press("r")
            await until(pilot, lambda: [row[0] for row in rows(screen, "node")] == ["n1"])
            await pilot.press("slash", *"notready")
            await pilot.pause()
            assert (rows(screen, "node"), screen.query_one(Input).value) == ([], "notready")
            await pilot.press("escape", "3")
            await until(pilot, lambda: service.reads[-1] == "Pod")
            service.broken = True
            await pilot.press("r")
            await until(pilot, lambda: len(screen._notifications) == 1)
            await pilot.press("q")
        assert screen.return_code == 0

    asyncio.run(scenario())


def test_without_a_terminal_there_is_no_view() -> None:
    assert session.is_possible() is False
