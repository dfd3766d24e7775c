"""The wire types of k8s.io/kube-scheduler/extender/v1. Go's field names live here only.

Go's decoder takes names in any case, so this does too; answers have exactly Go's names. Lists are
never null in an answer: kube-scheduler takes null for *no node fits*, and says nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.api.errors import Refusal

Raw = dict[str, Any]


_TEXT = {"type": "string"}
_OBJECT = {"type": "object"}
_TEXTS = {"type": "array", "items": _TEXT}


def documented(body: Raw, answer: Raw) -> Raw:
    """Body and answer of a webhook in the OpenAPI document: Go's types are read by hand."""
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": answer}}}},
    }


def _struct(required: Iterable[str], **fields: Raw) -> Raw:
    return {"type": "object", "properties": fields, "required": list(required)}


EXTENDER_ARGS = _struct(
    ["Pod"],
    Pod=_OBJECT,
    NodeNames={"anyOf": [_TEXTS, {"type": "null"}]},
    Nodes={"anyOf": [_struct([], items={"type": "array", "items": _OBJECT}), {"type": "null"}]},
)
FILTER_RESULT = _struct(
    ["Nodes", "NodeNames", "FailedNodes", "FailedAndUnresolvableNodes", "Error"],
    Nodes={"anyOf": [_OBJECT, {"type": "null"}]},
    NodeNames={"anyOf": [_TEXTS, {"type": "null"}]},
    FailedNodes={"type": "object", "additionalProperties": _TEXT},
    FailedAndUnresolvableNodes={"type": "object", "additionalProperties": _TEXT},
    Error=_TEXT,
)
PRIORITY_LIST = {
    "type": "array",
    "items": _struct(["Host", "Score"], Host=_TEXT, Score={"type": "integer"}),
}
BINDING_ARGS = _struct(
    ["PodName", "PodNamespace", "Node"], PodName=_TEXT, PodNamespace=_TEXT, PodUID=_TEXT, Node=_TEXT
)
BINDING_RESULT = _struct(["Error"], Error=_TEXT)


@dataclass(frozen=True, slots=True)
class FilterArgs:
    """ExtenderArgs. ``nodes`` holds whole nodes by name if kube-scheduler sends them
    (nodeCacheCapable: false), else None. ``names`` are in the order of the request, each once."""

    pod: Raw
    names: list[str]
    nodes: dict[str, Raw] | None


@dataclass(frozen=True, slots=True)
class BindArgs:
    """ExtenderBindingArgs."""

    namespace: str
    name: str
    uid: str
    node: str


def read_filter_args(body: Mapping[str, Any]) -> FilterArgs:
    """Raises: Refusal, 400."""
    fields = _folded(body)
    pod = fields.get("pod")
    if not isinstance(pod, dict):
        raise _malformed("must be a Pod", "Pod")
    names, nodes = fields.get("nodenames"), fields.get("nodes")
    if names is not None:
        return FilterArgs(pod, _names(names), None)
    if nodes is not None:
        found = _nodes(nodes)
        return FilterArgs(pod, list(found), found)
    raise _malformed("NodeNames or Nodes must be given", "NodeNames")


def read_bind_args(body: Mapping[str, Any]) -> BindArgs:
    """Raises: Refusal, 400."""
    fields = _folded(body)
    texts = {}
    for name in ("PodName", "PodNamespace", "PodUID", "Node"):
        value = fields.get(name.lower())
        if value is None and name == "PodUID":
            value = ""
        if not isinstance(value, str) or (not value and name != "PodUID"):
            raise _malformed("must be a string that is not empty", name)
        texts[name] = value
    return BindArgs(texts["PodNamespace"], texts["PodName"], texts["PodUID"], texts["Node"])


def filter_answer(
    args: FilterArgs,
    fitting: Sequence[str],
    failed: Mapping[str, str],
    unresolvable: Mapping[str, str],
    error: str = "",
) -> Raw:
    """ExtenderFilterResult, in the mode of the question: names, or the whole nodes as they came."""
    whole = None
    if args.nodes is not None:
        whole = {"metadata": {}, "items": [args.nodes[name] for name in fitting]}
    return {
        "Nodes": whole,
        "NodeNames": fitting if args.nodes is None else None,
        "FailedNodes": failed,
        "FailedAndUnresolvableNodes": unresolvable,
        "Error": error,
    }


def priorities(scores: Iterable[tuple[str, int]]) -> list[Raw]:
    """HostPriorityList."""
    return [{"Host": host, "Score": score} for host, score in scores]


def bind_answer(error: str | None) -> Raw:
    """ExtenderBindingResult."""
    return {"Error": error or ""}


def _folded(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in body.items()}


def _names(value: Any) -> list[str]:
    # Thousands of them, three times a Pod: looked at in C.
    if not isinstance(value, list) or not set(map(type, value)) <= {str}:
        raise _malformed("must be a list of names", "NodeNames")
    return value if len(set(value)) == len(value) else list(dict.fromkeys(value))


def _nodes(value: Any) -> dict[str, Raw]:
    items = value.get("items", value.get("Items")) if isinstance(value, dict) else None
    if items is None and isinstance(value, dict):
        return {}
    if not isinstance(items, list):
        raise _malformed("must be a NodeList", "Nodes")
    found: dict[str, Raw] = {}
    for index, item in enumerate(items):
        metadata = item.get("metadata") if isinstance(item, dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(name, str):
            raise _malformed("must be a Node with a name", f"Nodes.items[{index}]")
        found[name] = item
    return found


def _malformed(message: str, path: str) -> Refusal:
    return Refusal(400, "MalformedArgs", message, path)
