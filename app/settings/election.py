"""Settings of the election among replicas."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, model_validator

from app.settings.serving import Seconds

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class LeaderElectSettings(BaseModel):
    """A part of ``app.settings.Settings``."""

    leader_elect: bool = False
    """Let only the holder of a Lease take webhooks and write: needed as soon as there are two replicas."""

    leader_elect_name: str = "dra-extender"
    """Of the Lease: the same for all replicas."""

    leader_elect_namespace: str = ""
    """Of the Lease; default: the Pod's own, outside a cluster kube-system."""

    leader_elect_identity: str = ""
    """What the Lease calls this replica, with a random end to it; default: the host name (the Pod's)."""

    leader_elect_lease_seconds: Seconds = 15.0
    """A lease not renewed for this long is taken by another replica: the longest gap after a crash."""

    leader_elect_renew_deadline_seconds: Seconds = 10.0
    """A leader that has not renewed for this long writes nothing more. What remains of the lease is for
    writes that have left: the API server is asked to give them up within four fifths of it."""

    leader_elect_retry_seconds: Seconds = 2.0
    """Between renewals."""

    leader_elect_wait_seconds: float = Field(3.0, ge=0, le=3600)
    """How long a webhook that comes to a follower waits for it to become the leader: below httpTimeout."""

    leader_elect_service: str = ""
    """A Service without selector, in the Lease's namespace, whose one endpoint the leader makes itself."""

    leader_elect_address: str = ""
    """The address of that endpoint: the Pod's."""

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
            raise ValueError("leader_elect_service and leader_elect_address go together")
        return self

    def lease_namespace(self) -> str:
        """Where the Lease is. Reads the Pod's own namespace if need be."""
        if self.leader_elect_namespace:
            return self.leader_elect_namespace
        return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.exists() else "kube-system"
