"""Which namespaces may have claims with adminAccess, as the API server decides it (KEP-5018)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.core.model.resource_claim import ClaimSpec
from app.core.versions.kubernetes_version import ADMIN_ACCESS_LABEL

Labels = Mapping[str, Mapping[str, Any]]
"""The labels of namespaces by their names, as far as they are known."""


def labels_of_namespaces(objects: Iterable[Any]) -> dict[str, Mapping[str, Any]]:
    """The labels of the Namespaces among raw objects."""
    found: dict[str, Mapping[str, Any]] = {}
    for raw in objects:
        if is_namespace(raw):
            metadata = _mapping(raw.get("metadata"))
            found[str(metadata.get("name"))] = _mapping(metadata.get("labels"))
    return found


def is_namespace(raw: Any) -> bool:
    """Whether this is a Namespace."""
    return isinstance(raw, Mapping) and (raw.get("apiVersion"), raw.get("kind")) == ("v1", "Namespace")


def refusal(namespace: str, labels: Labels, label: str = ADMIN_ACCESS_LABEL) -> str:
    """Why the API server refuses adminAccess in the namespace; empty if it does not, or if it is unknown."""
    known = labels.get(namespace)
    if known is None or known.get(label) == "true":
        return ""
    value = known.get(label)
    has = (
        f'lacks the label {label}: "true"'
        if value is None
        else f'has the label {label}: "{value}", not "true"'
    )
    return f"the API server refuses it: namespace {namespace} {has}"


def admin_requests(spec: ClaimSpec) -> Iterator[str]:
    """The paths below a claim's spec of the requests with adminAccess."""
    for number, request in enumerate(spec.requests):
        path = f"devices.requests[{number}]"
        if request.exactly is not None and request.exactly.admin_access:
            yield f"{path}.exactly.adminAccess"
        for at, item in enumerate(request.first_available):
            if item.admin_access:
                yield f"{path}.firstAvailable[{at}].adminAccess"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
