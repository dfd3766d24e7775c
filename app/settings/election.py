"""Settings of leader election."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, model_validator

from app.settings.serving import Seconds

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class LeaderElectSettings(BaseModel):
    """A part of ``app.settings.Settings``."""

    leader_elect: bool = False
    """Enable leader election: only the leader handles webhooks and writes.

    Required with more than one replica of the role webhooks. Without that role it has no effect.
    """

    leader_elect_name: str = "dra-extender"
    """Name of the Lease: the same for all replicas."""

    leader_elect_namespace: str = ""
    """Namespace of the Lease; default: the Pod's own, outside a cluster kube-system."""

    leader_elect_identity: str = ""
    """Identity of this replica in the Lease, with a random suffix; default: the host name (of the Pod)."""

    leader_elect_lease_seconds: Seconds = 15.0
    """Another replica takes over a Lease that is not renewed for this long: the longest gap after a crash."""

    leader_elect_renew_deadline_seconds: Seconds = 10.0
    """A leader that has not renewed for this long stops writing.

    The rest of the lease is for writes in flight: their timeout on the API server is four fifths of it.
    """

    leader_elect_retry_seconds: Seconds = 2.0
    """Interval between renewals."""

    leader_elect_wait_seconds: float = Field(3.0, ge=0, le=3600)
    """How long a webhook at a follower waits for it to become the leader: below httpTimeout."""

    leader_elect_service: str = ""
    """A Service without selector, in the Lease's namespace, whose single endpoint the leader maintains."""

    leader_elect_address: str = ""
    """Address of that endpoint: the Pod's."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        lease, deadline = self.leader_elect_lease_seconds, self.leader_elect_renew_deadline_seconds
        if not lease > deadline > 2 * self.leader_elect_retry_seconds:
            raise ValueError(
                "leader_elect_lease_seconds must be more than leader_elect_renew_deadline_seconds, and that "
                "more than twice leader_elect_retry_seconds: a leader must stop writing before another "
                "begins, and not for one renewal that fails"
            )
        if bool(self.leader_elect_service) != bool(self.leader_elect_address):
            raise ValueError("leader_elect_service and leader_elect_address require each other")
        return self

    def lease_namespace(self) -> str:
        """The namespace of the Lease. Reads the Pod's namespace if not set."""
        if self.leader_elect_namespace:
            return self.leader_elect_namespace
        return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.exists() else "kube-system"
