"""What is said of a preemption: an Event on each victim, as kube-scheduler's, and one on the preemptor."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from app.cluster.call import Object
from app.cluster.client import ApiClient
from app.cluster.errors import ClusterError
from app.cluster.pod_events import CONTROLLER, EVENT
from app.core.model.pod import Pod


class PreemptionEvents:
    """Writes Events of type Normal; one that cannot be written is reported, and holds nobody up."""

    def __init__(
        self,
        client: ApiClient,
        instance: str,
        *,
        now: Callable[[], dt.datetime],
        report: Callable[[str], None],
    ) -> None:
        self._client = client
        self._instance = instance[:128]
        self._now = now
        self._report = report

    async def evicted(self, victim: Pod, preemptor: Pod, node: str) -> None:
        """The victim is told by whom, as in-tree by uid: names of other namespaces are not for everybody."""
        note = f"Preempted by pod {preemptor.meta.uid} on node {node}"
        await self._write(victim, preemptor, "Preempted", note)

    async def nominated(self, preemptor: Pod, node: str, victims: int) -> None:
        """The preemptor is told what was done for it."""
        note = (
            f"Evicting {victims} Pod(s) of lower priority to free devices on node {node}, held for this Pod"
        )
        await self._write(preemptor, None, "DevicesPreempted", note)

    async def _write(self, pod: Pod, related: Pod | None, reason: str, note: str) -> None:
        moment = self._now().astimezone(dt.UTC)
        body: Object = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {
                "name": f"{pod.meta.name[:230]}.{int(moment.timestamp() * 1_000_000):x}000",
                "namespace": pod.meta.namespace,
            },
            "eventTime": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "type": "Normal",
            "reason": reason,
            "action": "Preempting",
            "regarding": _reference(pod),
            "note": note,
        }
        if related is not None:
            body["related"] = _reference(related)
        try:
            await self._client.post(EVENT.path(pod.meta.namespace), body)
        except ClusterError as error:
            self._report(f"no Event for Pod {'/'.join(pod.meta.key)}: {error}")


def _reference(pod: Pod) -> dict[str, str]:
    meta = pod.meta
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": meta.namespace,
        "name": meta.name,
        "uid": meta.uid,
    }
