"""Events of a preemption: one on each victim, as kube-scheduler's, and one on the preemptor."""

import logging

from app.cluster.client.errors import ClusterError
from app.cluster.events.event_writer import EventWriter, reference
from app.core.model.pod import Pod

log = logging.getLogger(__name__)


class PreemptionEvents:
    """Writes Events of type Normal. A failed write is logged, and does not delay the preemption."""

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer

    async def evicted(self, victim: Pod, preemptor: Pod, node: str) -> None:
        """The victim's Event names the preemptor by UID, as in-tree: names in other namespaces may be
        confidential.
        """
        note = f"Preempted by pod {preemptor.meta.uid} on node {node}"
        await self._write(victim, preemptor, "Preempted", note)

    async def nominated(self, preemptor: Pod, node: str, victims: int) -> None:
        """The Event on the preemptor."""
        note = (
            f"Evicting {victims} Pod(s) of lower priority to free devices on node {node}, reserved "
            "for this Pod"
        )
        await self._write(preemptor, None, "DevicesPreempted", note)

    async def _write(self, pod: Pod, related: Pod | None, reason: str, note: str) -> None:
        other = None if related is None else reference("Pod", related.meta)
        try:
            await self._writer.create(
                reference("Pod", pod.meta), reason, note, kind="Normal", action="Preempting", related=other
            )
        except ClusterError as error:
            log.warning("cannot write an Event for Pod %s: %s", "/".join(pod.meta.key), error)
