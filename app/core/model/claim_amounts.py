"""What the devices of a Pod's claims take of its node: ``status.nodeAllocatableResourceClaimStatuses``."""

from dataclasses import dataclass
from typing import Any

from app.core.model import fields
from app.core.model.quantity import Quantity


@dataclass(frozen=True, slots=True)
class Overhead:
    """The overhead in one resource, for the Pod and for each container that uses the claim."""

    resource: str
    per_pod: Quantity | None = None
    per_container: Quantity | None = None

    def to_json(self) -> dict[str, str]:
        """The Kubernetes form."""
        amounts = {"perPod": self.per_pod, "perContainer": self.per_container}
        known = {name: str(amount) for name, amount in amounts.items() if amount is not None}
        return {"name": self.resource} | known


@dataclass(frozen=True, slots=True)
class ClaimAmounts:
    """The amounts for one claim. ``containers`` are the Pod's containers that use it, each once."""

    claim: str
    containers: tuple[str, ...] = ()
    mapping: tuple[tuple[str, Quantity], ...] = ()
    overhead: tuple[Overhead, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The Kubernetes form, empty fields left out."""
        result: dict[str, Any] = {"resourceClaimName": self.claim}
        if self.containers:
            result["containers"] = list(self.containers)
        if self.mapping:
            result["mapping"] = [{"name": name, "quantity": str(amount)} for name, amount in self.mapping]
        if self.overhead:
            result["overhead"] = [item.to_json() for item in self.overhead]
        return result


def read_claim_amounts(raw: Any) -> ClaimAmounts:
    """Reads an entry of the Pod's status."""
    source = fields.mapping(raw)
    mapped = fields.listed(source, "mapping", _mapped)
    return ClaimAmounts(
        claim=fields.required(source, "resourceClaimName", fields.text),
        containers=fields.listed(source, "containers", fields.text),
        mapping=tuple((name, amount) for name, amount in mapped if amount is not None),
        overhead=fields.listed(source, "overhead", _overhead),
    )


def _mapped(raw: Any) -> tuple[str, Quantity | None]:
    source = fields.mapping(raw)
    name = fields.required(source, "name", fields.text)
    return name, fields.optional(source, "quantity", fields.quantity)


def _overhead(raw: Any) -> Overhead:
    source = fields.mapping(raw)
    return Overhead(
        fields.required(source, "name", fields.text),
        fields.optional(source, "perPod", fields.quantity),
        fields.optional(source, "perContainer", fields.quantity),
    )
