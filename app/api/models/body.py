"""Common base of all bodies of /api/v1."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

AllocationResult = Annotated[
    dict[str, Any], Field(description="AllocationResult of resource.k8s.io/v1", title="AllocationResult")
]
DeviceState = Literal["free", "taken", "shared", "assumed", "tainted", "unusable"]


class Body(BaseModel):
    """Names are camelCase; an unknown name is an error."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)
