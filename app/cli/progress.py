"""Shows the progress of a long dry run on stderr."""

import asyncio
import sys
import uuid
from collections.abc import Callable

from app.cli.asking import Asker
from app.cli.problems import CliError
from app.cli.talk import is_terminal, tell
from app.core.json_object import JsonObject

_FIRST_SECONDS = 1.0
_EVERY_SECONDS = 0.5


async def placements_with_progress(
    asker: Asker, request: JsonObject, say: Callable[[str], None] | None = None
) -> JsonObject:
    """Sends a dry run. If it takes more than a second, shows how many Pods are placed.

    Raises: CliError.
    """
    name = uuid.uuid4().hex
    watching = asyncio.create_task(_watch(asker, name, say or _line))
    try:
        return await asker.post("/api/v1/placements", request | {"progress": name})
    finally:
        watching.cancel()


async def _watch(asker: Asker, name: str, say: Callable[[str], None]) -> None:
    await asyncio.sleep(_FIRST_SECONDS)
    while True:
        try:
            answer = await asker.get("/api/v1/dry-runs")
        except CliError:
            return  # an older service, or a lost connection: the request itself reports it
        for item in answer.get("items") or ():
            if item.get("name") == name:
                say(f"{item.get('done')} of {item.get('pods')} Pods evaluated")
        await asyncio.sleep(_EVERY_SECONDS)


def _line(text: str) -> None:
    """Shows a line that the next one replaces, if stderr is a terminal."""
    end = "\r" if is_terminal(sys.stderr) else "\n"
    tell(f"{text}{end}")
