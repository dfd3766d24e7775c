"""Common base of all bodies of /api/v1, and objects of Kubernetes in them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_MAP = {"type": "object", "additionalProperties": True}
DESCRIPTIONS: dict[str, str] = {}
"""The types that are objects of Kubernetes, or parts of them, by name. A field may have its own text."""


def _object(title: str, description: str, **properties: Any) -> dict[str, Any]:
    """The schema of an object that may have more fields than these."""
    DESCRIPTIONS[title] = description
    return {
        "title": title,
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": True,
    }


_DEVICE_RESULT = _object(
    "DeviceRequestAllocationResult",
    "A device that is allocated for a request.",
    request={**_TEXT, "description": "Name of the request; `request/subrequest` for one of firstAvailable."},
    driver=_TEXT,
    pool=_TEXT,
    device=_TEXT,
    adminAccess={"type": "boolean"},
    shareID=_TEXT,
    consumedCapacity={"type": "object", "additionalProperties": _TEXT},
    tolerations={"type": "array", "items": _MAP},
    bindingConditions=_TEXTS,
    bindingFailureConditions=_TEXTS,
)
KubernetesObject = Annotated[
    Any,
    WithJsonSchema(
        _object(
            "KubernetesObject",
            "An object as in a manifest, in any served version of its API.",
            apiVersion=_TEXT,
            kind=_TEXT,
            metadata=_MAP,
            spec=_MAP,
        )
    ),
]
AllocationResult = Annotated[
    dict[str, Any],
    WithJsonSchema(
        _object(
            "AllocationResult",
            "AllocationResult of resource.k8s.io/v1: the devices of a claim.",
            devices=_object(
                "DeviceAllocationResult",
                "The devices, and their configuration.",
                results={"type": "array", "items": _DEVICE_RESULT},
                config={"type": "array", "items": _MAP},
            ),
            nodeSelector=_MAP,
            allocationTimestamp={**_TEXT, "description": "RFC 3339."},
        )
    ),
]
DeviceState = Literal["free", "taken", "shared", "assumed", "tainted", "unusable"]
Decides = Annotated[
    bool,
    Field(
        description="Whether the replica that responds is the one that decides for kube-scheduler. If false, "
        "devices that the other one has reserved or assumed, and not yet written, are `free` here and not "
        "`assumed`, and its decisions are unknown."
    ),
]


class Body(BaseModel):
    """Names are camelCase; an unknown name is an error."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Consumer(Body):
    """Who a claim is reserved for: an entry of its status.reservedFor."""

    resource: str
    name: str
    uid: str
