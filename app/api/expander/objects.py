"""Pods and Nodes as Kubernetes writes them in Protocol Buffers: the fields that the model reads.

The numbers are those of generated.proto in k8s.io/api/core/v1 and of k8s.io/apimachinery; the tests compare
them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.api.expander.protobuf import (
    FieldBudget,
    Message,
    MessageField,
    MessageOf,
    Value,
    boolean,
    integer,
    text,
)
from app.core.model.errors import FieldError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _time(value: Value, budget: FieldBudget) -> str:
    """A Time in RFC 3339; empty for the zero time of Go."""
    seconds = MessageOf(TIME)(value, budget).get("seconds")
    if seconds is None:
        return ""
    try:
        found = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise FieldError(f"is not a time: {seconds} seconds since 1970") from None
    return "" if found.year == 1 else f"{found:%Y-%m-%dT%H:%M:%SZ}"


def _quantity(value: Value, budget: FieldBudget) -> str:
    """A Quantity as text."""
    return str(MessageOf(QUANTITY)(value, budget).get("string", "0"))


def _of(table: Message, name: str, many: str = "") -> MessageField:
    return MessageField(name, MessageOf(table), many)


def _text(name: str, many: str = "") -> MessageField:
    return MessageField(name, text, many)


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

TIME: Message = {1: MessageField("seconds", integer)}
QUANTITY: Message = {1: _text("string")}
OWNER: Message = {
    1: _text("kind"),
    3: _text("name"),
    4: _text("uid"),
    5: _text("apiVersion"),
    6: MessageField("controller", boolean),
}
META: Message = {
    1: _text("name"),
    2: _text("generateName"),
    3: _text("namespace"),
    5: _text("uid"),
    6: _text("resourceVersion"),
    8: MessageField("creationTimestamp", _time),
    9: MessageField("deletionTimestamp", _time),
    11: _text("labels", "map"),
    12: _text("annotations", "map"),
    13: _of(OWNER, "ownerReferences", "list"),
    14: _text("finalizers", "list"),
}
EXPRESSION: Message = {1: _text("key"), 2: _text("operator"), 3: _text("values", "list")}
LABEL_SELECTOR: Message = {1: _text("matchLabels", "map"), 2: _of(EXPRESSION, "matchExpressions", "list")}
NODE_TERM: Message = {
    1: _of(EXPRESSION, "matchExpressions", "list"),
    2: _of(EXPRESSION, "matchFields", "list"),
}
NODE_SELECTOR: Message = {1: _of(NODE_TERM, "nodeSelectorTerms", "list")}
PREFERRED_NODES: Message = {1: MessageField("weight", integer), 2: _of(NODE_TERM, "preference")}
NODE_AFFINITY: Message = {1: _of(NODE_SELECTOR, _REQUIRED), 2: _of(PREFERRED_NODES, _PREFERRED, "list")}
POD_TERM: Message = {
    1: _of(LABEL_SELECTOR, "labelSelector"),
    2: _text("namespaces", "list"),
    3: _text("topologyKey"),
    4: _of(LABEL_SELECTOR, "namespaceSelector"),
    5: _text("matchLabelKeys", "list"),
    6: _text("mismatchLabelKeys", "list"),
}
WEIGHTED_TERM: Message = {1: MessageField("weight", integer), 2: _of(POD_TERM, "podAffinityTerm")}
POD_AFFINITY: Message = {1: _of(POD_TERM, _REQUIRED, "list"), 2: _of(WEIGHTED_TERM, _PREFERRED, "list")}
AFFINITY: Message = {
    1: _of(NODE_AFFINITY, "nodeAffinity"),
    2: _of(POD_AFFINITY, "podAffinity"),
    3: _of(POD_AFFINITY, "podAntiAffinity"),
}
RESOURCES: Message = {
    1: MessageField("limits", _quantity, "map"),
    2: MessageField("requests", _quantity, "map"),
}
CONTAINER: Message = {1: _text("name"), 8: _of(RESOURCES, "resources"), 24: _text("restartPolicy")}
TOLERATION: Message = {
    1: _text("key"),
    2: _text("operator"),
    3: _text("value"),
    4: _text("effect"),
    5: MessageField("tolerationSeconds", integer),
}
SPREAD: Message = {
    1: MessageField("maxSkew", integer),
    2: _text("topologyKey"),
    3: _text("whenUnsatisfiable"),
    4: _of(LABEL_SELECTOR, "labelSelector"),
    5: MessageField("minDomains", integer),
    6: _text("nodeAffinityPolicy"),
    7: _text("nodeTaintsPolicy"),
    8: _text("matchLabelKeys", "list"),
}
POD_CLAIM: Message = {1: _text("name"), 3: _text("resourceClaimName"), 4: _text("resourceClaimTemplateName")}
POD_SPEC: Message = {
    2: _of(CONTAINER, "containers", "list"),
    7: _text("nodeSelector", "map"),
    10: _text("nodeName"),
    18: _of(AFFINITY, "affinity"),
    19: _text("schedulerName"),
    20: _of(CONTAINER, "initContainers", "list"),
    22: _of(TOLERATION, "tolerations", "list"),
    25: MessageField("priority", integer),
    31: _text("preemptionPolicy"),
    32: MessageField("overhead", _quantity, "map"),
    33: _of(SPREAD, "topologySpreadConstraints", "list"),
    38: _of({1: _text("name")}, "schedulingGates", "list"),
    39: _of(POD_CLAIM, "resourceClaims", "list"),
    40: _of(RESOURCES, "resources"),
    43: _of({1: _text("podGroupName")}, "schedulingGroup"),
}
CONDITION: Message = {1: _text("type"), 2: _text("status"), 5: _text("reason"), 6: _text("message")}
POD_STATUS: Message = {
    1: _text("phase"),
    2: _of(CONDITION, "conditions", "list"),
    7: MessageField("startTime", _time),
    11: _text("nominatedNodeName"),
    15: _of({1: _text("name"), 2: _text("resourceClaimName")}, "resourceClaimStatuses", "list"),
    18: _of({2: _text("resourceClaimName")}, "extendedResourceClaimStatus"),
}
POD: Message = {1: _of(META, "metadata"), 2: _of(POD_SPEC, "spec"), 3: _of(POD_STATUS, "status")}
TAINT: Message = {1: _text("key"), 2: _text("value"), 3: _text("effect")}
NODE_SPEC: Message = {4: MessageField("unschedulable", boolean), 5: _of(TAINT, "taints", "list")}
NODE_STATUS: Message = {
    2: MessageField("allocatable", _quantity, "map"),
    14: _text("declaredFeatures", "list"),
}
NODE: Message = {1: _of(META, "metadata"), 2: _of(NODE_SPEC, "spec"), 3: _of(NODE_STATUS, "status")}
_TABLES = {"Pod": MessageOf(POD), "Node": MessageOf(NODE)}


def read_raw(kind: str, data: memoryview, budget: FieldBudget) -> dict[str, Any]:
    """A Pod or Node as an object of its JSON, in v1. Raises: FieldError."""
    return {"apiVersion": "v1", "kind": kind} | _TABLES[kind](data, budget)
