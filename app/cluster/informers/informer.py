"""Keeps the objects of one resource up to date: a list, then a watch, as long as the process runs.

Events and relists are by the rules of client-go's reflector (tools/cache/reflector.go), with one difference:
a watch that is silent for longer than the interval of bookmarks counts as dead.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any

from app.cluster.client.backoff import Backoff, Clock, LoopClock
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import Resource
from app.cluster.client.errors import ApiError, ClusterError, ConnectionFailedError, GoneError
from app.cluster.informers.settings import InformerSettings
from app.cluster.informers.stats import Stats, explained, failure_name
from app.cluster.informers.store import (
    Deleted,
    Event,
    ObjectKey,
    Replaced,
    Store,
    Upserted,
    usable_key,
    version_of,
)
from app.cluster.informers.watch_stream import ExpiredError, WatchStream, ends_first_objects
from app.core.json_object import JsonObject
from app.event_loop.time_slice import TimeSlice

log = logging.getLogger(__name__)

# The events are defined by the store; consumers of an informer import them from here.
__all__ = [
    "Deleted",
    "Event",
    "Informer",
    "InformerSettings",
    "ObjectKey",
    "Replaced",
    "Stats",
    "Upserted",
]

_SHORT_WATCH_SECONDS = 1.0
TOGETHER = 16
"""Events that are read or handled in one turn of the loop: hundreds may arrive in one read."""


class Informer:
    """Lists and watches one resource, and retries forever. Each failed request or bad object is logged once.

    Args:
        client: the API server.
        resource: what to watch, in all namespaces.
        settings: see InformerSettings.
        clock: time for backoff and ages.
        uniform: random numbers for backoff and watch lengths.
        mark: called before each list; its result marks what the list is newer than.
    """

    def __init__(
        self,
        client: ApiClient,
        resource: Resource,
        *,
        settings: InformerSettings | None = None,
        clock: Clock | None = None,
        uniform: Callable[[float, float], float] | None = None,
        mark: Callable[[], int] = lambda: 0,
    ) -> None:
        self.resource = resource
        self.stats = Stats()
        self._client = client
        self._settings = settings or InformerSettings()
        self._clock = clock or LoopClock()
        self._backoff = Backoff(self._clock, uniform=uniform) if uniform else Backoff(self._clock)
        self._mark = mark
        self._path = resource.path()
        self._watch_list = self._settings.watch_list
        # The version to resume from; "" requests a list.
        self._version = ""
        self._relist_reason = ""
        self._refusals = 0
        self._pages_once = False
        self._synced = asyncio.Event()
        self._known = Store()
        self._stream = WatchStream(
            client,
            self._path,
            self._settings,
            self.stats,
            clock=self._clock,
            uniform=self._backoff.uniform,
            version=lambda: self._version,
        )

    @property
    def synced(self) -> bool:
        """Whether the consumer has processed the first list. Never becomes false again."""
        return self.stats.synced

    async def wait_synced(self) -> None:
        await self._synced.wait()

    @property
    def version(self) -> int:
        """The resourceVersion up to which all events have been delivered; 0 during a list."""
        return int(self._version) if self._version.isdecimal() else 0

    def last_event_age_seconds(self) -> float | None:
        """Time since the last event, bookmark or opening of a watch; None before the first."""
        last = self.stats.last_event_at
        return None if last is None else self._clock.now() - last

    async def events(self) -> AsyncGenerator[Event, None]:
        """Replaced once, then single events, with another Replaced after every relist. Never ends.

        Raises only cancellation: failures are counted, logged, and retried after a backoff.
        """
        while True:
            opened = self._clock.now()
            try:
                async with aclosing(self._one_round()) as events:
                    async for event in events:
                        yield event
                        del event  # it may be a list of all objects
            except ExpiredError as expired:
                self._forget_version(expired.reason)
                await self._wait_after(expired.error)
            except ClusterError as error:
                await self._wait_after(error)
            else:
                # The server ended the watch, as it does every few minutes. Watches that it ends at once
                # would otherwise be repeated without a pause.
                if self._clock.now() - opened < _SHORT_WATCH_SECONDS:
                    ended = ConnectionFailedError(f"WATCH {self._path}", "ended at once", sent=True)
                    await self._wait_after(ended)

    async def _one_round(self) -> AsyncGenerator[Event, None]:
        """One watch from open to end; before it a list, if there is no version to resume from."""
        if not self._version and (self._pages_once or not self._watch_list):
            self._pages_once = False
            mark = self._mark()
            objects, version = await self._client.list_all(self._path, limit=self._settings.page_size)
            self._stream.record_event()
            self.stats.events["listed"] += len(objects)
            replaced = await self._replaced(objects, mark)
            # A watch goes on for minutes: the consumer keeps the objects as long as it needs them.
            del objects
            yield replaced
            del replaced
            self._listed(version)
        async with aclosing(self._watch() if self._version else self._watch_from_list()) as events:
            async for event in events:
                yield event
                del event  # as above

    async def _watch(self) -> AsyncGenerator[Event, None]:
        """Resumes at the current version."""
        try:
            async with aclosing(self._stream.open({"resourceVersion": self._version})) as raw:
                async for event in raw:
                    notification = self._apply(event)
                    if notification is not None:
                        yield notification
        except ApiError as error:
            if isinstance(error, GoneError) or error.reason == "Expired":
                raise ExpiredError("expired", error) from error
            if error.has_cause("ResourceVersionTooLarge"):
                raise ExpiredError("version_too_large", error) from error
            if error.status not in {401, 403, 429}:
                self._refusals += 1
            if self._refusals >= self._settings.resume_tries:
                raise ExpiredError("refused", error) from error
            raise

    async def _watch_from_list(self) -> AsyncGenerator[Event, None]:
        """A watch that starts with all existing objects and a bookmark after them, then continues."""
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        mark = self._mark()
        async with aclosing(self._stream.open(query)) as raw:
            objects, version = await self._first_objects(raw)
            replaced = await self._replaced(objects, mark)
            del objects  # as above
            yield replaced
            del replaced
            self._listed(version)
            async for event in raw:
                notification = self._apply(event)
                if notification is not None:
                    yield notification

    async def _first_objects(self, raw: AsyncGenerator[JsonObject, None]) -> tuple[list[JsonObject], str]:
        """Reads up to the bookmark. If that fails, the next list is read in pages.

        A refusal is final: the server cannot stream lists. A stream that ends early or is silent may be a
        temporary problem, or that of a proxy: then pages are read once.
        """
        first: dict[tuple[str, str], JsonObject] = {}
        patience = self._settings.initial_read_timeout_seconds
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience) as deadline:
                async for event in raw:
                    if ends_first_objects(event):
                        return list(first.values()), version_of(event["object"])
                    self._collect(event, first)
                    if len(first) % TOGETHER == 0:
                        await asyncio.sleep(0)
                    deadline.reschedule(loop.time() + patience)
        except ApiError as error:
            if error.status in {400, 404, 405, 406, 415, 422}:
                self._watch_list = False
                self._log(f"reading lists in pages, the server does not stream them: {error}")
            raise
        except TimeoutError:
            pass
        except ConnectionFailedError:
            self._pages_once = True
            raise
        self._pages_once = True
        problem = "the stream of initial objects ended or was silent before its end mark"
        raise ConnectionFailedError(f"WATCH {self._path}", problem, sent=True)

    def _apply(self, event: JsonObject) -> Event | None:
        """Applies one event. Returns None if there is nothing to deliver."""
        kind, obj = event["type"], event["object"]
        self._refusals = 0
        if kind == "BOOKMARK":
            self._version = version_of(obj) or self._version
            return None
        key = self._checked(obj)
        if key is None:
            return None
        self._version = version_of(obj)
        return self._known.delete(key, obj) if kind == "DELETED" else self._known.upsert(key, obj)

    def _collect(self, event: JsonObject, first: dict[tuple[str, str], JsonObject]) -> None:
        obj = event["object"]
        key = None if event["type"] == "BOOKMARK" else self._checked(obj)
        if key is None:
            return
        if event["type"] == "DELETED":
            first.pop((key.namespace, key.name), None)
        else:
            first[key.namespace, key.name] = obj

    async def _replaced(self, objects: Iterable[Any], mark: int) -> Replaced:
        """What a list changes. Cost: O(objects), in slices of the event loop's time."""
        checked = ((self._checked(obj), obj) for obj in objects)
        usable = ((key, obj) for key, obj in checked if key is not None)
        time_slice = TimeSlice(asyncio.get_running_loop().time)
        return await time_slice.run(lambda: self._known.replace(usable, mark))

    def _checked(self, obj: Any) -> ObjectKey | None:
        """The key of a usable object.

        Drops managedFields, half of many objects' bytes. A malformed object is counted and logged,
        without an exception.
        """
        key = usable_key(obj)
        if key is not None:
            obj["metadata"].pop("managedFields", None)
            return key
        self.stats.bad_objects += 1
        metadata = obj.get("metadata") if isinstance(obj, dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        text = f"an object ({name!r}) without name or resourceVersion is ignored"
        self._log(text)
        return None

    def _log(self, text: str) -> None:
        log.warning("%s", text, extra={"resource": self.resource.plural})

    def _listed(self, version: str) -> None:
        """Called after the consumer has processed a list."""
        self._version = version
        self._refusals = 0
        if self._relist_reason:
            self.stats.relists[self._relist_reason] += 1
            self._relist_reason = ""
        self.stats.synced = True
        self._synced.set()

    def _forget_version(self, reason: str) -> None:
        self._version = ""
        self._relist_reason = reason

    async def _wait_after(self, error: ClusterError) -> None:
        self.stats.failures[failure_name(error)] += 1
        self._log(explained(self.resource, error))
        at_least = (error.retry_after or 0.0) if isinstance(error, ApiError) else 0.0
        await self._clock.sleep(self._backoff.next_delay(at_least))
