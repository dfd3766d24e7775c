"""One watch stream: detects silence and errors in the stream."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from app.cluster.client.backoff import Clock
from app.cluster.client.client import ApiClient
from app.cluster.client.errors import ClusterError, ConnectionFailedError, error_of_status
from app.cluster.informers.settings import InformerSettings
from app.cluster.informers.stats import Stats
from app.cluster.informers.store import version_of
from app.core.json_object import JsonObject

_INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class ExpiredError(Exception):
    """The current version cannot be resumed; ``reason`` is for the counter of relists."""

    def __init__(self, reason: str, error: ClusterError) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error


class WatchStream:
    """Opens watches of one path, one at a time.

    Args:
        stats: counts events and renewals, and records the time of the last event.\n        version:
            returns the current version; "" for none.
    """

    def __init__(
        self,
        client: ApiClient,
        path: str,
        settings: InformerSettings,
        stats: Stats,
        *,
        clock: Clock,
        uniform: Callable[[float, float], float],
        version: Callable[[], str],
    ) -> None:
        self._client = client
        self._path = path
        self._settings = settings
        self._stats = stats
        self._clock = clock
        self._uniform = uniform
        self._version = version

    def record_event(self) -> None:
        """Records that the server has sent data."""
        self._stats.last_event_at = self._clock.now()

    async def open(self, query: dict[str, str]) -> AsyncGenerator[JsonObject, None]:
        """Yields raw events; an ERROR event raises its error. A silent watch ends as if by the server.

        Raises: ClusterError; ExpiredError.
        """
        opened = False

        def on_open() -> None:
            nonlocal opened
            opened = True
            self.record_event()

        settings = self._settings
        seconds = int(self._uniform(*settings.watch_seconds))
        params = {"allowWatchBookmarks": "true", "timeoutSeconds": str(seconds), **query}
        timeout = settings.read_timeout_seconds
        stream = self._client.watch(self._path, params, read_timeout_seconds=timeout, on_open=on_open)
        try:
            async with aclosing(stream) as raw:
                async for event in raw:
                    self.record_event()
                    self._stats.events[event["type"].lower()] += 1
                    if event["type"] == "ERROR":
                        status = event["object"].get("code")
                        code = status if isinstance(status, int) else 500
                        raise error_of_status(f"WATCH {self._path}", code, event["object"])
                    yield event
        except ConnectionFailedError as error:
            if not (error.silent and opened):
                raise
        else:
            return
        self._stats.renewals += 1
        if version := self._version():
            await self._check(version)

    async def _check(self, version: str) -> None:
        """After silence: checks that the current version is not ahead of the server.

        That happens after a restore of etcd from a backup. The server does not refuse such a watch: it is
        silent, and omits all events up to that version.

        Raises: ExpiredError.
        """
        page = await self._client.list_page(self._path, limit=1)
        newest = version_of(page)
        # The order of versions is documented since Kubernetes 1.35 (KEP-5504), and applied before.
        if newest.isdecimal() and version.isdecimal() and int(newest) < int(version):
            problem = f"resourceVersion {version} is from the future: the server is at {newest}"
            gone = ConnectionFailedError(f"WATCH {self._path}", problem, sent=True)
            raise ExpiredError("version_too_large", gone)


def ends_first_objects(event: JsonObject) -> bool:
    """Whether this is the bookmark after the initial objects of the watch."""
    if event["type"] != "BOOKMARK":
        return False
    metadata = event["object"].get("metadata") or {}
    return (metadata.get("annotations") or {}).get(_INITIAL_EVENTS_END) == "true"
