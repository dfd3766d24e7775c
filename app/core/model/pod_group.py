"""PodGroups: Pods that are scheduled together, and the claims that they share (KEP-4671, KEP-5729)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.meta import Meta, read_meta
from app.core.model.pod_claim import PodClaim, read_claim_status, read_pod_claim
from app.core.model.resource_claim import ConsumerReference, ResourceClaim

GROUP = "scheduling.k8s.io"


@dataclass(frozen=True, slots=True)
class PodGroup:
    """A group.

    ``min_count``: fewer Pods may not run; None for Pods that are scheduled one by one. ``claims`` and
    ``claim_statuses`` are like those of a Pod. The API server drops claims if the feature gate
    DRAWorkloadResourceClaims is off.
    """

    meta: Meta
    min_count: int | None = None
    claims: tuple[PodClaim, ...] = ()
    claim_statuses: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def consumer(self) -> ConsumerReference:
        """The entry in reservedFor of its claims."""
        return ConsumerReference(GROUP, "podgroups", self.meta.name, self.meta.uid)


def made_for_group(claim: ResourceClaim, group: str) -> bool:
    """Whether the claim was created for the PodGroup of this name (IsForPod in resourceclaim)."""
    owner = claim.meta.controller
    return owner is not None and (owner.kind, owner.api_group, owner.name) == ("PodGroup", GROUP, group)


def reserved_for_group(consumer: ConsumerReference, group: str) -> bool:
    """Whether an entry of reservedFor is the PodGroup of this name: its Pods do not know its uid."""
    return (consumer.api_group, consumer.resource, consumer.name) == (GROUP, "podgroups", group)


def read_pod_group(raw: Any) -> PodGroup:
    """Reads a PodGroup of any served version."""
    source = fields.mapping(raw)
    meta = read_meta(raw, namespaced=True)
    spec, status = fields.child(source, "spec"), fields.child(source, "status")
    try:
        min_count = _min_count(spec)
        claims = fields.listed(spec, "resourceClaims", read_pod_claim)
    except FieldError as error:
        raise error.under("spec") from None
    try:
        statuses = dict(fields.listed(status, "resourceClaimStatuses", read_claim_status))
    except FieldError as error:
        raise error.under("status") from None
    return PodGroup(meta, min_count, claims, statuses)


def _min_count(spec: JsonObject) -> int | None:
    policy = fields.child(spec, "schedulingPolicy")
    try:
        return fields.optional(policy, "gang", _gang)
    except FieldError as error:
        raise error.under("schedulingPolicy") from None


def _gang(raw: Any) -> int:
    return fields.required(fields.mapping(raw), "minCount", fields.integer)
