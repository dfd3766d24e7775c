"""Writes Events (events.k8s.io/v1) on objects."""

import datetime as dt
from collections.abc import Callable
from typing import Literal

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import Resource
from app.core.json_object import JsonObject
from app.core.model.meta import Meta

EVENT = Resource("events.k8s.io", "v1", "events", "Event", namespaced=True)
CONTROLLER = "dra-extender"
Reference = dict[str, str]
_MAX_NAME = 230  # of the object, so that the Event's name stays valid
_MAX_INSTANCE = 128  # limit of the API, which refuses a longer one


class EventWriter:
    """Creates Events, and counts their repeats.

    Args:
        client: with permission to create events, and to patch them for repeats.
        instance: names this process among replicas.
    """

    def __init__(self, client: ApiClient, instance: str, now: Callable[[], dt.datetime]) -> None:
        self._client = client
        self._instance = instance[:_MAX_INSTANCE]
        self._now = now

    async def create(
        self,
        regarding: Reference,
        reason: str,
        note: str,
        *,
        kind: Literal["Normal", "Warning"] = "Warning",
        action: str = "Scheduling",
        related: Reference | None = None,
    ) -> str:
        """Creates an Event in the namespace of its object. Returns its name. Raises: ClusterError."""
        moment, namespace = self._now(), regarding["namespace"]
        # Named as in client-go: the object, and the time in hexadecimal nanoseconds.
        name = f"{regarding['name'][:_MAX_NAME]}.{int(moment.timestamp() * 1_000_000):x}000"
        body: JsonObject = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": _micro(moment),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "type": kind,
            "reason": reason,
            "action": action,
            "regarding": regarding,
            "note": note,
        }
        if related is not None:
            body["related"] = related
        await self._client.post(EVENT.path(namespace), body)
        return name

    async def repeat(self, namespace: str, name: str, count: int) -> None:
        """Turns the Event into a series with this count up to now. Raises: ClusterError."""
        series = {"count": count, "lastObservedTime": _micro(self._now())}
        await self._client.patch(EVENT.path(namespace, name), {"series": series})


def reference(kind: str, meta: Meta, api_version: str = "v1") -> Reference:
    """A reference to an object in an Event."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "namespace": meta.namespace,
        "name": meta.name,
        "uid": meta.uid,
    }


def _micro(moment: dt.datetime) -> str:
    """metav1.MicroTime: microseconds are required, even if they are zero."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
