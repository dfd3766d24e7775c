"""The Lease of leader election, as an object of the API server.

It follows the rules of client-go (tools/leaderelection/resourcelock/leaselock.go), so that kubectl and
other tools can read it; unknown fields and annotations stay.
"""

import copy
import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import Resource
from app.cluster.client.errors import NotFoundError
from app.core.json_object import JsonObject

LEASE = Resource("coordination.k8s.io", "v1", "leases", "Lease", namespaced=True)

WANTED_BY = "dra-extender/wanted-by"
"""Annotation: the identity of a follower that receives webhooks while the holder does not."""


@dataclass(frozen=True, slots=True)
class Record:
    """The record in a Lease.

    Times are RFC 3339 text of the holder's clock: only their change matters here.
    """

    holder: str = ""
    duration_seconds: int = 0
    acquired: str = ""
    renewed: str = ""
    transitions: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A Lease as read. ``wanted_by`` is not part of the record, since it does not extend the lease."""

    record: Record
    wanted_by: str
    raw: JsonObject


class Leases:
    """Reads and writes one Lease. Every write carries the resourceVersion it was decided on.

    Raises (from every method): ClusterError.
    """

    def __init__(self, client: ApiClient, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self.name = name

    async def get(self) -> Seen | None:
        """The Lease; None if there is none."""
        try:
            return _read(await self._client.get(LEASE.path(self._namespace, self.name)))
        except NotFoundError:
            return None

    async def put(self, before: Seen | None, record: Record, *, wanted_by: str = "") -> Seen:
        """Creates the Lease, or replaces it as it was ``before``.

        Raises: ConflictError if another client has written or created it since.
        """
        raw: JsonObject = (
            copy.deepcopy(before.raw) if before is not None else _new(self._namespace, self.name)
        )
        raw["spec"] = {**(raw.get("spec") or {}), **_spec(record)}
        annotations = {**(raw["metadata"].get("annotations") or {}), WANTED_BY: wanted_by}
        if not wanted_by:
            del annotations[WANTED_BY]
        raw["metadata"]["annotations"] = annotations
        if before is None:
            return _read(await self._client.post(LEASE.path(self._namespace), raw))
        return _read(await self._client.put(LEASE.path(self._namespace, self.name), raw))

    async def watch(self, read_timeout_seconds: float) -> AsyncGenerator[Seen, None]:
        """Yields the Lease now and after each change, until the server ends the watch."""
        params = {"fieldSelector": f"metadata.name={self.name}"}
        path = LEASE.path(self._namespace)
        stream = self._client.watch(path, params, read_timeout_seconds=read_timeout_seconds)
        async with aclosing(stream) as events:
            async for event in events:
                raw = event["object"]
                if event["type"] in {"ADDED", "MODIFIED"} and raw["metadata"]["name"] == self.name:
                    yield _read(raw)


def timestamp(moment: dt.datetime) -> str:
    """A MicroTime."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _new(namespace: str, name: str) -> JsonObject:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata}


def _spec(record: Record) -> dict[str, Any]:
    return {
        "holderIdentity": record.holder,
        "leaseDurationSeconds": record.duration_seconds,
        "acquireTime": record.acquired,
        "renewTime": record.renewed,
        "leaseTransitions": record.transitions,
    }


def _read(raw: JsonObject) -> Seen:
    spec: Any = raw.get("spec") or {}
    record = Record(
        holder=str(spec.get("holderIdentity") or ""),
        duration_seconds=_whole(spec.get("leaseDurationSeconds")),
        acquired=str(spec.get("acquireTime") or ""),
        renewed=str(spec.get("renewTime") or ""),
        transitions=_whole(spec.get("leaseTransitions")),
    )
    annotations = (raw.get("metadata") or {}).get("annotations") or {}
    return Seen(record, str(annotations.get(WANTED_BY) or ""), raw)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
