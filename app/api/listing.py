"""One list in the two forms that clients can ask for: page by page, or as lines of all its items."""

from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query, Request
from starlette.responses import Response

from app.api.cursors import cursor_after
from app.api.errors import HttpError
from app.api.expensive import until_client_leaves
from app.api.line_stream import Lines, LineStream, line, wants_lines
from app.api.responses import ListResponse, encoded
from app.api.service import Service
from app.core.pauses import InterruptedWorkError
from app.core.state.state import State

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=5000, description="Maximum number of items in a page.")]


@dataclass(frozen=True, slots=True, eq=False)
class Listing(Generic[T]):
    """What a list returns.

    Args:
        state: that the items are of, a fork: the inventory may change at every pause.
        found: what comes after the cursor, in order, with pauses where little of much is found.
        name: of an item, from which the next page goes on.
        item: its JSON.
    """

    state: State
    found: Iterator[T]
    name: Callable[[T], str]
    item: Callable[[T], Any]

    async def response(self, request: Request, service: Service, limit: int) -> Response:
        """The list as the client prefers it. Cost: O(items returned), in slices."""
        if wants_lines(request.scope):
            return LineStream(
                self._lines(request, service, limit if "limit" in request.query_params else None)
            )
        time_slice = service.time_slice()
        page = await time_slice.run(lambda: list(islice(self.found, limit + 1)))
        items = await time_slice.run(lambda: encoded(map(self.item, page[:limit])))
        following = cursor_after(self.name(page[limit - 1]) if len(page) > limit else None)
        head = {"decides": service.decides, "revision": str(self.state.revision)}
        head |= {"next": following}
        return ListResponse(head, "items", items, time_slice, headers={"Vary": "Accept"})

    async def _lines(self, request: Request, service: Service, limit: int | None) -> Lines:
        """An item in each line; the last one is the page without its items.

        The place and the time limit bound how many states are kept for slow clients.
        """
        seconds = service.settings.dry_run_timeout_seconds
        with service.streams.place("read page by page instead"):
            async with until_client_leaves(request) as left:
                deadline = service.deadline(seconds)
                last: list[T] = []
                batches = service.time_slice().batches(
                    self._encoded(limit, last), lambda: left() or deadline.expired()
                )
                try:
                    async with aclosing(batches):
                        async for batch in batches:
                            yield b"".join(batch)
                except InterruptedWorkError:
                    text = f"the list could not be sent within {seconds:g} s"
                    raise HttpError(503, "TimeUp", text) from None
                following = cursor_after(self.name(last[0]) if last else None)
                head = {"decides": service.decides, "revision": str(self.state.revision)}
                yield line({"end": {**head, "next": following}})

    def _encoded(self, limit: int | None, last: list[T]) -> Iterator[bytes]:
        """Lines of at most ``limit`` items. ``last`` receives the last of them if there are more."""
        for number, found in enumerate(self.found, 1):
            if limit is not None and number > limit:
                return
            yield line(self.item(found))
            if number == limit:
                last.append(found)
        last.clear()
