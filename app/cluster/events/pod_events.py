"""Events on Pods that no node fits, with the reasons. kube-scheduler's own FailedScheduling contains the
same reasons among all others, truncated; this one is only about devices. A Pod is often refused
repeatedly for the same reason, so a new Event is created when the reason changes, and its series
(events.k8s.io/v1) counts repeats. The number of nodes is not part of the reason, since the filtered nodes
change with every Pod that starts.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass

from app.cluster.client.errors import ClusterError, ConflictError, NotFoundError
from app.cluster.client.fence import Fence
from app.cluster.events.event_writer import EventWriter, reference
from app.core.diagnosis import causes_of
from app.core.model.pod import Pod

log = logging.getLogger(__name__)

REASON = "DevicesUnavailable"
_MAX_NOTE_BYTES = 1024  # limit of the API, which refuses a longer one


@dataclass(frozen=True, slots=True)
class EventSettings:
    """Limits of writes."""

    writes_per_second: float = 5.0
    """Maximum rate; further Events wait.

    A Pod that is refused for another reason keeps its place in the queue.
    """

    series_seconds: float = 120.0
    """Interval between two updates of a series."""

    most_pods: int = 5_000
    """Maximum number of remembered Events, and of Pods in the queue; the oldest are dropped first."""


@dataclass(slots=True)
class _Series:
    """The Event of a Pod.

    ``name`` is empty until it is written; ``count`` is the number of refusals since its creation. Until then
    ``note`` is that of the newest refusal; afterwards it is the Event's, which cannot change.
    """

    pod: Pod
    note: str
    causes: frozenset[str]
    name: str = ""
    count: int = 1
    written_at: float = float("-inf")


class PodEvents:
    """Accepts refusals, and writes Events in a background task.

    ``written`` and ``dropped`` are counters. Failed writes are logged, each text once in a row.

    Args:
        fence: while it is closed, nothing is written or kept.
    """

    def __init__(
        self,
        writer: EventWriter,
        *,
        fence: Fence,
        settings: EventSettings | None = None,
    ) -> None:
        self._writer = writer
        self._fence = fence
        self._settings = settings or EventSettings()
        self._series: OrderedDict[str, _Series] = OrderedDict()
        self._queue: OrderedDict[str, None] = OrderedDict()
        self._some = asyncio.Event()
        self._complaint = ""
        self.written = 0
        self.dropped = 0

    def refused(self, pod: Pod, summary: str) -> None:
        """Adds a Pod that no node fits, with the reasons. Cost: O(1)."""
        uid, note, causes = pod.meta.uid, note_of(pod, summary), causes_of(summary)
        if not uid or not self._fence.open:
            return
        series = self._series.get(uid)
        if series is None or series.causes != causes:
            self._series[uid] = _Series(pod, note, causes)
        else:
            series.count += 1
            series.note = series.note if series.name else note
            if self._clock() - series.written_at < self._settings.series_seconds:
                return
        self._series.move_to_end(uid)
        while len(self._series) > self._settings.most_pods:
            forgotten, _ = self._series.popitem(last=False)
            self.dropped += forgotten in self._queue
            self._queue.pop(forgotten, None)
        self._queue[uid] = None
        self._some.set()

    def passed(self, pod: Pod) -> None:
        """Removes a Pod that fits somewhere now: its pending Event is outdated."""
        self._series.pop(pod.meta.uid, None)
        self._queue.pop(pod.meta.uid, None)

    async def run(self) -> None:
        """Runs until canceled."""
        while True:
            await self._some.wait()
            while self._queue:
                uid, _ = self._queue.popitem(last=False)
                series = self._series.get(uid)
                if series is not None and self._fence.open:
                    await self._write(series)
                    await asyncio.sleep(1 / self._settings.writes_per_second)
            self._some.clear()

    async def _write(self, series: _Series) -> None:
        series.written_at = self._clock()
        meta = series.pod.meta
        try:
            if series.name:
                await self._writer.repeat(meta.namespace, series.name, series.count)
            else:
                series.name = await self._writer.create(reference("Pod", meta), REASON, series.note)
        except NotFoundError:
            # The Event has expired, or the namespace is deleted: the next refusal creates a new one.
            series.name = ""
        except ConflictError:
            pass  # the series of the next refusal contains it
        except ClusterError as error:
            self._complain(f"cannot write an Event for Pod {'/'.join(meta.key)}: {error}")
            return
        self._complaint = ""
        self.written += 1

    def _complain(self, text: str) -> None:
        self.dropped += 1
        if text != self._complaint:
            self._complaint = text
            log.warning("%s", text)

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()


def note_of(pod: Pod, summary: str) -> str:
    """The text of an Event: the summary, and a command for details; at most 1024 bytes."""
    more = f". For details, run: kubectl dra explain {pod.meta.name} -n {pod.meta.namespace}"
    room = _MAX_NOTE_BYTES - len(more.encode())
    raw = summary.encode()
    if len(raw) > room:
        summary = raw[: room - 3].decode(errors="ignore") + "…"
    return summary + more
