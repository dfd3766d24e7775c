"""Events on Pods that no node fits: why, and where to read more.

kube-scheduler's own FailedScheduling has the same reasons among all others, cut to what fits; this one is
about devices alone. A Pod is refused again and again for one reason, so an Event is made when the reason
changes, and repeats are counted in its series (events.k8s.io/v1), written once in a while. On how many nodes
a reason holds is no reason: which nodes are asked about changes with every Pod that starts somewhere.
"""

import asyncio
import logging
import re
from collections import OrderedDict
from dataclasses import dataclass

from app.cluster.client.errors import ClusterError, ConflictError, NotFoundError
from app.cluster.client.fence import Fence
from app.cluster.events.event_writer import EventWriter, reference
from app.core.model.pod import Pod

log = logging.getLogger(__name__)

REASON = "DevicesUnavailable"
_MAX_NOTE_BYTES = 1024  # of the API; a longer one is refused
_NUMBERS = re.compile(r"^\d+(?:/\d+ nodes fit: \d+)? ")
"""Before each cause of a summary, and before the first one."""


@dataclass(frozen=True, slots=True)
class EventSettings:
    """How much may be written."""

    writes_per_second: float = 5.0
    """The rest waits: a Pod that is refused meanwhile for another reason keeps its place in the queue."""

    series_seconds: float = 120.0
    """Between two writes of how often one reason was repeated."""

    most_pods: int = 5_000
    """Pods whose last Event is remembered, and Pods in the queue; the oldest go first."""


@dataclass(slots=True)
class _Told:
    """The Event of a Pod: `name` is empty until it is written, `count` are the refusals since it was made.

    Until then `note` is that of the newest refusal; after, it is the Event's own, which cannot be changed.
    """

    pod: Pod
    note: str
    causes: frozenset[str]
    name: str = ""
    count: int = 1
    written_at: float = float("-inf")


class PodEvents:
    """Takes refusals as they come, and writes Events in a task of its own. `written` and `dropped` count.

    Events that cannot be written are logged, each text once in a row.

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
        self._told: OrderedDict[str, _Told] = OrderedDict()
        self._queue: OrderedDict[str, None] = OrderedDict()
        self._some = asyncio.Event()
        self._complaint = ""
        self.written = 0
        self.dropped = 0

    def refused(self, pod: Pod, summary: str) -> None:
        """Notes that no node fits the Pod, and why. O(1)."""
        uid, note, causes = pod.meta.uid, note_of(pod, summary), causes_of(summary)
        if not uid or not self._fence.open:
            return
        told = self._told.get(uid)
        if told is None or told.causes != causes:
            self._told[uid] = _Told(pod, note, causes)
        else:
            told.count += 1
            told.note = told.note if told.name else note
            if self._clock() - told.written_at < self._settings.series_seconds:
                return
        self._told.move_to_end(uid)
        while len(self._told) > self._settings.most_pods:
            forgotten, _ = self._told.popitem(last=False)
            self.dropped += forgotten in self._queue
            self._queue.pop(forgotten, None)
        self._queue[uid] = None
        self._some.set()

    def passed(self, pod: Pod) -> None:
        """Notes that the Pod fits somewhere now: what was to be said is not true any more."""
        self._told.pop(pod.meta.uid, None)
        self._queue.pop(pod.meta.uid, None)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._some.wait()
            while self._queue:
                uid, _ = self._queue.popitem(last=False)
                told = self._told.get(uid)
                if told is not None and self._fence.open:
                    await self._write(told)
                    await asyncio.sleep(1 / self._settings.writes_per_second)
            self._some.clear()

    async def _write(self, told: _Told) -> None:
        told.written_at = self._clock()
        meta = told.pod.meta
        try:
            if told.name:
                await self._writer.repeat(meta.namespace, told.name, told.count)
            else:
                told.name = await self._writer.create(reference("Pod", meta), REASON, told.note)
        except NotFoundError:
            # The Event has expired, or the namespace is gone: the next refusal makes a new one.
            told.name = ""
        except ConflictError:
            pass  # the series of the next refusal says more
        except ClusterError as error:
            self._complain(f"no Event for Pod {'/'.join(meta.key)}: {error}")
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


def causes_of(summary: str) -> frozenset[str]:
    """What a summary says, without on how many nodes and in which order. O(length)."""
    return frozenset(_NUMBERS.sub("", part) for part in summary.split(", "))


def note_of(pod: Pod, summary: str) -> str:
    """The text of an Event: the summary, and the command that tells more; at most 1024 bytes."""
    more = f". More: kubectl dra explain {pod.meta.name} -n {pod.meta.namespace}"
    room = _MAX_NOTE_BYTES - len(more.encode())
    raw = summary.encode()
    if len(raw) > room:
        summary = raw[: room - 3].decode(errors="ignore") + "…"
    return summary + more
