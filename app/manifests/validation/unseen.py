"""What the API server would refuse in an object of a question, which none has seen."""

from app.core.json_object import JsonObject
from app.core.model.parse import is_of, is_to_be_placed
from app.manifests.validation.api_rules import Problems, claim_rules, name_rules
from app.manifests.validation.pod_validation import pod_validation

_CLAIMS = ("ResourceClaim", "ResourceClaimTemplate")


def refusals(raw: JsonObject) -> Problems:
    """What the validation refuses in an object of any kind. Cost: as of those below."""
    yield from placed_refusals(raw) if is_to_be_placed(raw) else claim_refusals(raw)


def placed_refusals(raw: JsonObject) -> Problems:
    """Of a Pod or a workload to place. Cost: O(containers, claims and tolerations), with pauses."""
    yield from name_rules(raw)
    yield from pod_validation(raw)


def claim_refusals(raw: JsonObject) -> Problems:
    """Of a claim or a template. Cost: O(size of its spec), with pauses.

    Nothing in a claim that is allocated: an API server has accepted it, maybe under other rules.
    """
    if is_of(raw, _CLAIMS) and not _is_allocated(raw):
        yield from name_rules(raw)
        yield from claim_rules(raw)


def _is_allocated(raw: JsonObject) -> bool:
    status = raw.get("status")
    return isinstance(status, dict) and status.get("allocation") is not None
