"""Requests of containers for extended resources, which a DeviceClass may back with devices.

Containers request extended resources by a name with a domain (``example.com/gpu: 1``). A node offers them
by a device plugin, or a DeviceClass provides them with its devices (``spec.extendedResourceName``; every
class also has ``deviceclass.resource.kubernetes.io/<name>``). Rules: KEP-5004, IsDRAExtendedResourceName
in kube-scheduler's util.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.pauses import paced_if_many

CLASS_PREFIX = "deviceclass.resource.kubernetes.io/"
"""Prefix of a class's name in the resource that every class provides."""


@dataclass(frozen=True, slots=True)
class ResourceRequest:
    """The request of one container for one extended resource.

    ``index`` is the container's among init containers and containers together, ``rank`` that of the
    resource among all names the container requests, sorted. ``passing``: an init container that ends
    before the others begin.
    """

    container: str
    index: int
    rank: int
    resource: str
    count: int
    passing: bool = False


def is_extended(name: str) -> bool:
    """Whether a resource may be backed by devices, going by its name."""
    if name.startswith(CLASS_PREFIX):
        return True
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")


def asks_for(spec: JsonObject, selected: Callable[[str], bool]) -> bool:
    """Whether a container of a PodSpec, as it comes from outside, names a resource that is ``selected``.

    For telling plain Pods quickly: what is not well formed names nothing, and is for others to say.
    Cost: a call for each name.
    """
    for part in ("containers", "initContainers"):
        containers = spec.get(part)
        for container in paced_if_many(containers) if isinstance(containers, list) else ():
            resources = container.get("resources") if isinstance(container, dict) else None
            for side in ("requests", "limits"):
                named = resources.get(side) if isinstance(resources, dict) else None
                if isinstance(named, dict) and any(map(selected, paced_if_many(named))):
                    return True
    return False


def read_resource_requests(spec: JsonObject) -> tuple[ResourceRequest, ...]:
    """All requests for whole numbers of extended resources, container by container.

    Raises: FieldError, below ``spec``.
    """
    if not asks_for(spec, is_extended):
        return ()
    starting = fields.listed(spec, "initContainers", _container)
    found: list[ResourceRequest] = []
    listed = (*starting, *fields.listed(spec, "containers", _container))
    for index, (name, requests, sidecar) in enumerate(paced_if_many(listed)):
        passing = index < len(starting) and not sidecar
        for rank, resource in enumerate(paced_if_many(sorted(requests))):
            count, rest = divmod(requests[resource], 10**9)
            if is_extended(resource) and count > 0 and not rest:
                found.append(ResourceRequest(name, index, rank, resource, count, passing))
    return tuple(found)


def _container(raw: Any) -> tuple[str, dict[str, int], bool]:
    """Its name, its requests in nano units, and whether it is a sidecar if it is an init container."""
    source = fields.mapping(raw)
    resources = fields.child(source, "resources")
    try:
        # The API server lets a limit stand in for a request that is not given.
        amounts = fields.mapped(resources, "limits", fields.quantity) | fields.mapped(
            resources, "requests", fields.quantity
        )
    except FieldError as error:
        raise error.under("resources") from None
    return (
        fields.default(source, "name", fields.text, ""),
        {name: amount.nanos for name, amount in paced_if_many(amounts.items())},
        fields.default(source, "restartPolicy", fields.text, "") == "Always",
    )
