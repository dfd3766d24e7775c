"""Settings of writes to claims, and of the reconciler."""

from typing import Any

from pydantic import BaseModel, Field, field_validator

from app.settings.serving import Names, Seconds


class ClaimSettings(BaseModel):
    """Part of ``app.settings.Settings``."""

    field_manager: str = Field("dra-extender", min_length=1, max_length=128, pattern=r"^[!-~]+$")
    """Field manager of writes to claims: the reconciler only repairs fields under this name.

    Must be the same for all replicas, and unique per installation in the cluster.
    """

    reservation_seconds: Seconds = 60.0
    """How long devices stay reserved for the bind of a Pod after filter, if nothing else happens.

    They stay reserved while ``status.nominatedNodeName`` shows that the Pod waits for volumes or permits.
    """

    gang_labels: Names = ()
    """Labels or annotations whose value groups Pods that run together or not at all, besides PodGroups:
    scheduling.x-k8s.io/pod-group (coscheduling), kueue.x-k8s.io/pod-group-name, scheduling.k8s.io/group-name
    (Volcano), leaderworkerset.sigs.k8s.io/group-key, jobset.sigs.k8s.io/jobset-uid."""

    binding_timeout_seconds: Seconds = 600.0
    """How long a Pod waits for its devices to be made ready (binding conditions), from their allocation on,
    before their claims are freed. As bindingTimeout of the in-tree plugin."""

    bind_seconds: Seconds = 620.0
    """How long one bind waits, for devices or for an earlier bind of the Pod, before it answers that it does:
    below kube-scheduler's httpTimeout, after which the Pod loses the node's CPU."""

    reconcile_grace_seconds: Seconds = 120.0
    """How long a claim must be stale before it is repaired: longer than any bind, so more than
    kube-scheduler's httpTimeout.
    """

    reconcile_interval_seconds: Seconds = 15.0
    """Interval between full reconciliations of claims."""

    @field_validator("gang_labels", mode="before")
    @classmethod
    def _labels(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return tuple(value) if isinstance(value, list) else value
