"""Entries of resourceClaims, in Pods and PodGroups."""

from dataclasses import dataclass
from typing import Any

from app.core.model import fields
from app.core.model.errors import FieldError


@dataclass(frozen=True, slots=True)
class PodClaim:
    """An entry of spec.resourceClaims: a claim by name, or a template to make one from."""

    name: str
    claim_name: str | None = None
    template_name: str | None = None


def read_pod_claim(raw: Any) -> PodClaim:
    """Reads an entry of spec.resourceClaims."""
    source = fields.mapping(raw)
    claim = PodClaim(
        name=fields.required(source, "name", fields.text),
        claim_name=fields.optional(source, "resourceClaimName", fields.text),
        template_name=fields.optional(source, "resourceClaimTemplateName", fields.text),
    )
    if (claim.claim_name is None) == (claim.template_name is None):
        if source.get("source") is not None and claim.claim_name is None:
            text = "was removed in Kubernetes 1.31: its fields are now next to the name"
            raise FieldError(f"{text} (repair: dra-extender convert)", "source")
        raise FieldError("must set exactly one of resourceClaimName and resourceClaimTemplateName")
    return claim


def read_claim_status(raw: Any) -> tuple[str, str | None]:
    """Reads an entry of status.resourceClaimStatuses: the name in the spec, and that of the claim."""
    source = fields.mapping(raw)
    return (
        fields.required(source, "name", fields.text),
        fields.optional(source, "resourceClaimName", fields.text),
    )
