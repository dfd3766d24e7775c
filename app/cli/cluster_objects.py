"""Reads the objects of a cluster that scheduling depends on, once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from app.cli.problems import InputError, UnreachableError
from app.cli.source import Source
from app.cluster.client.call import Timeouts
from app.cluster.client.client import ApiClient
from app.cluster.client.cluster_version import read_cluster_version
from app.cluster.client.discovery import NODE, POD, Resource, discover
from app.cluster.client.errors import ClusterError, CredentialsError, ForbiddenError
from app.core.json_object import JsonObject
from app.core.model.parse import flatten
from app.core.model.pod import ENDED_PHASES
from app.core.versions import VersionError
from app.core.versions.cluster_version import ClusterVersion, recorded
from app.manifests.reader import ManifestError, read_documents

T = TypeVar("T")

PAGE_SIZE = 500
_NO_LIMIT = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class ClusterObjects:
    """The raw objects of a cluster, and its version; None for manifests that do not record it."""

    objects: list[Any]
    version: ClusterVersion | None

    def document(self) -> JsonObject:
        """A List that records the version."""
        record = {} if self.version is None else {"metadata": {"annotations": self.version.annotations()}}
        return {"apiVersion": "v1", "kind": "List", **record, "items": self.objects}


def read_inventory(source: Source, progress: Callable[[str], None] = lambda _: None) -> ClusterObjects:
    """Of a snapshot or of the cluster. Raises: InputError, UnreachableError."""
    if not source.snapshot:
        return asyncio.run(cluster_inventory(source, progress))
    try:
        documents = read_documents(source.snapshot)
        version = next(filter(None, map(recorded, documents)), None)
    except (ManifestError, VersionError) as error:
        raise InputError(str(error)) from None
    return ClusterObjects(list(flatten(documents)), version)


def inventory_objects(source: Source, progress: Callable[[str], None] = lambda _: None) -> list[Any]:
    """Returns the raw objects of a snapshot or of the cluster. Raises: InputError, UnreachableError."""
    return read_inventory(source, progress).objects


async def cluster_inventory(
    source: Source, progress: Callable[[str], None] = lambda _: None
) -> ClusterObjects:
    """Reads the relevant objects of the cluster page by page, and calls ``progress`` after each kind.

    Leaves out Pods that have completed, since they hold no devices.

    Raises:
        UnreachableError: no credentials, no response, or no permission.
    """
    return await with_client(source, lambda client: _list_all(client, progress))


async def read_version(source: Source) -> ClusterVersion | None:
    """The version of a cluster, or the one that a snapshot records. Raises: InputError, UnreachableError."""
    if source.snapshot:
        return read_inventory(source).version
    return await with_client(source, read_cluster_version)


async def with_client(source: Source, evaluation: Callable[[ApiClient], Awaitable[T]]) -> T:
    """The result of requests to the API server. Raises: UnreachableError."""
    try:
        client = source.access().client(_timeouts(source))
        try:
            return await evaluation(client)
        finally:
            await client.aclose()
    except ForbiddenError as error:
        hint = "you need the permissions in charts/dra-extender/files/clusterrole.yaml"
        raise UnreachableError(
            f"the API server refused the request: {error.message or error}", hint
        ) from None
    except CredentialsError as error:
        raise UnreachableError(str(error), "or read manifests with --snapshot") from None
    except ClusterError as error:
        raise UnreachableError(str(error)) from None


def _timeouts(source: Source) -> Timeouts | None:
    seconds = source.timeout_seconds
    if seconds is None:
        return None
    return Timeouts(read=seconds, total=seconds) if seconds else Timeouts(read=_NO_LIMIT, total=_NO_LIMIT)


async def _list_all(client: ApiClient, progress: Callable[[str], None]) -> ClusterObjects:
    served = await discover(client)
    version = await read_cluster_version(client)
    found: list[JsonObject] = []
    for resource in (NODE, *served.resources(), POD):
        objects = await _list(client, resource)
        if resource is POD:
            objects = [pod for pod in objects if not _finished(pod)]
        progress(f"{len(objects)} {resource.plural}")
        found += objects
    return ClusterObjects(found, version)


async def _list(client: ApiClient, resource: Resource) -> list[JsonObject]:
    objects, _ = await client.list_all(resource.path(), limit=PAGE_SIZE)
    for item in objects:
        metadata = item.get("metadata")
        if isinstance(metadata, dict):
            metadata.pop("managedFields", None)
    return objects


def _finished(pod: JsonObject) -> bool:
    return (pod.get("status") or {}).get("phase") in ENDED_PHASES
