"""How far a long question is, on stderr while it is being answered."""

import asyncio
import sys
import uuid
from collections.abc import Callable

from app.cli.asking import Asker
from app.cli.problems import CliError
from app.core.json_object import JsonObject

_FIRST_SECONDS = 1.0
_EVERY_SECONDS = 0.5


async def placements_with_progress(
    asker: Asker, request: JsonObject, say: Callable[[str], None] | None = None
) -> JsonObject:
    """The answer to a dry run; if it takes more than a second, how many Pods are placed is said meanwhile.

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
            return  # an older service, or one that is gone: the question itself tells
        for item in answer.get("items") or ():
            if item.get("name") == name:
                say(f"{item.get('done')} of {item.get('pods')} Pods looked at")
        await asyncio.sleep(_EVERY_SECONDS)


def _line(text: str) -> None:
    """A line that is written over by the next one, where that can be."""
    end = "\r" if sys.stderr.isatty() else "\n"
    sys.stderr.write(f"{text}{end}")
    sys.stderr.flush()
