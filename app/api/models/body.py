"""Common base of all bodies of /api/v1."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

AllocationResult = Annotated[
    dict[str, Any], Field(description="AllocationResult of resource.k8s.io/v1", title="AllocationResult")
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
