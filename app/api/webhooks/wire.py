"""The wire types of k8s.io/kube-scheduler/extender/v1. Go's field names live here only.

Go's decoder accepts names in any case, so this does too; responses have exactly Go's names. Lists are
never null in a response: kube-scheduler reads null as *no node fits*, without an error.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.api.errors import HttpError
from app.api.node_list_cache import NodeList
from app.core.json_object import JsonObject
from app.core.pauses import paced
from app.core.preemption.candidates import Candidate

_TEXT = {"type": "string"}
_OBJECT = {"type": "object"}
_TEXTS = {"type": "array", "items": _TEXT}


def documented(body: JsonObject, answer: JsonObject) -> JsonObject:
    """Request and response of a webhook in the OpenAPI document; Go's types are decoded by hand."""
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": answer}}}},
    }


def _struct(title: str, required: Iterable[str], **fields: JsonObject) -> JsonObject:
    return {"title": title, "type": "object", "properties": fields, "required": list(required)}


_NODE_LIST = _struct("NodeList", [], items={"type": "array", "items": _OBJECT})
EXTENDER_ARGS = _struct(
    "ExtenderArgs",
    ["Pod"],
    Pod=_OBJECT,
    NodeNames={"anyOf": [_TEXTS, {"type": "null"}]},
    Nodes={"anyOf": [_NODE_LIST, {"type": "null"}]},
)
FILTER_RESULT = _struct(
    "ExtenderFilterResult",
    ["Nodes", "NodeNames", "FailedNodes", "FailedAndUnresolvableNodes", "Error"],
    Nodes={"anyOf": [_NODE_LIST, {"type": "null"}]},
    NodeNames={"anyOf": [_TEXTS, {"type": "null"}]},
    FailedNodes={"type": "object", "additionalProperties": _TEXT},
    FailedAndUnresolvableNodes={"type": "object", "additionalProperties": _TEXT},
    Error=_TEXT,
)
PRIORITY_LIST = {
    "type": "array",
    "items": _struct("HostPriority", ["Host", "Score"], Host=_TEXT, Score={"type": "integer"}),
}
BINDING_ARGS = _struct(
    "ExtenderBindingArgs",
    ["PodName", "PodNamespace", "Node"],
    PodName=_TEXT,
    PodNamespace=_TEXT,
    PodUID=_TEXT,
    Node=_TEXT,
)
BINDING_RESULT = _struct("ExtenderBindingResult", ["Error"], Error=_TEXT)


_VICTIMS = {"anyOf": [{"type": "object", "additionalProperties": _OBJECT}, {"type": "null"}]}
PREEMPTION_ARGS = _struct(
    "ExtenderPreemptionArgs", ["Pod"], Pod=_OBJECT, NodeNameToVictims=_VICTIMS, NodeNameToMetaVictims=_VICTIMS
)
PREEMPTION_RESULT = _struct(
    "ExtenderPreemptionResult", ["NodeNameToMetaVictims"], NodeNameToMetaVictims=_OBJECT
)


@dataclass(frozen=True, slots=True)
class FilterArgs:
    """ExtenderArgs.

    ``nodes`` contains whole nodes by name if kube-scheduler sends them (nodeCacheCapable: false), else
    None. ``names`` are in the order of the request, each once; ``distinct`` is the same as a set, if it
    was built.
    """

    pod: JsonObject
    names: Sequence[str]
    nodes: dict[str, JsonObject] | None
    distinct: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class BindArgs:
    """ExtenderBindingArgs."""

    namespace: str
    name: str
    uid: str
    node: str


@dataclass(frozen=True, slots=True)
class PreemptionArgs:
    """ExtenderPreemptionArgs: the victims of each candidate, whole or by their uids."""

    pod: JsonObject
    candidates: dict[str, Candidate]


def read_filter_args(body: Mapping[str, Any], known: NodeList | None = None) -> FilterArgs:
    """``known``: the names, if they are cached. Raises: HttpError, 400."""
    fields = _folded(body)
    pod = fields.get("pod")
    if not isinstance(pod, dict):
        raise _malformed("must be a Pod", "Pod")
    if known is not None:
        return FilterArgs(pod, known.names, None, known.distinct)
    names, nodes = fields.get("nodenames"), fields.get("nodes")
    if names is not None:
        once, distinct = _names(names)
        return FilterArgs(pod, once, None, distinct)
    if nodes is not None:
        found = _nodes(nodes)
        return FilterArgs(pod, list(found), found)
    raise _malformed("NodeNames or Nodes is required", "NodeNames")


def read_bind_args(body: Mapping[str, Any]) -> BindArgs:
    """Raises: HttpError, 400."""
    fields = _folded(body)
    texts = {}
    for name in ("PodName", "PodNamespace", "PodUID", "Node"):
        value = fields.get(name.lower())
        if value is None and name == "PodUID":
            value = ""
        if not isinstance(value, str) or (not value and name != "PodUID"):
            raise _malformed("must be a non-empty string", name)
        texts[name] = value
    return BindArgs(texts["PodNamespace"], texts["PodName"], texts["PodUID"], texts["Node"])


def read_preemption_args(body: Mapping[str, Any]) -> PreemptionArgs:
    """Cost: O(nodes and victims), with pauses. Raises: HttpError, 400."""
    fields = _folded(body)
    pod = fields.get("pod")
    if not isinstance(pod, dict):
        raise _malformed("must be a Pod", "Pod")
    name = "NodeNameToMetaVictims"
    nodes = fields.get(name.lower())
    if nodes is None:
        name = "NodeNameToVictims"
        nodes = fields.get(name.lower()) or {}
    if not isinstance(nodes, dict):
        raise _malformed("must be an object", name)
    return PreemptionArgs(
        pod, {node: _candidate(raw, f"{name}[{node}]") for node, raw in paced(nodes.items(), 16)}
    )


def preemption_answer(candidates: Mapping[str, Candidate]) -> JsonObject:
    """ExtenderPreemptionResult: uids, whatever was sent. With pauses."""
    return {
        "NodeNameToMetaVictims": {
            node: {
                "Pods": [{"UID": uid} for uid in paced(candidate.victims)],
                "NumPDBViolations": candidate.violations,
            }
            for node, candidate in candidates.items()
        }
    }


def filter_answer(
    args: FilterArgs,
    fitting: Sequence[str] | orjson.Fragment,
    failed: Mapping[str, str],
    unresolvable: Mapping[str, str],
    error: str = "",
) -> JsonObject:
    """ExtenderFilterResult in the mode of the request: names, or the whole nodes as received.

    ``fitting`` are names, encoded only in the mode of names.
    """
    whole = None
    if args.nodes is not None and not isinstance(fitting, orjson.Fragment):
        whole = {"metadata": {}, "items": [args.nodes[name] for name in fitting]}
    return {
        "Nodes": whole,
        "NodeNames": fitting if args.nodes is None else None,
        "FailedNodes": failed,
        "FailedAndUnresolvableNodes": unresolvable,
        "Error": error,
    }


def priorities(names: Sequence[str], scores: Iterable[int]) -> orjson.Fragment:
    """HostPriorityList, built as text: one dictionary for each node takes six times as long."""
    if not names:
        return orjson.Fragment(b"[]")
    parts = [""] * (2 * len(names))
    parts[::2] = names if b"\\" not in orjson.dumps(names) else [_escaped(name) for name in names]
    parts[1::2] = map(_Separators().__getitem__, scores)
    return orjson.Fragment('[{"Host":"' + "".join(parts).removesuffix(_NEXT) + "]")


_NEXT = ',{"Host":"'


class _Separators(dict[int, str]):
    """The text between one name and the next, by the score of the first."""

    def __missing__(self, score: int) -> str:
        text = self[score] = f'","Score":{score}}}{_NEXT}'
        return text


def _escaped(name: str) -> str:
    return orjson.dumps(name).decode()[1:-1]


def bind_answer(error: str | None) -> JsonObject:
    """ExtenderBindingResult."""
    return {"Error": error or ""}


def _folded(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in body.items()}


def _names(value: Any) -> tuple[list[str], frozenset[str]]:
    """The names in order, each once, and as a set."""
    # Thousands of names, twice for each Pod: checked in C.
    if not isinstance(value, list):
        raise _malformed("must be a list of names", "NodeNames")
    try:
        "".join(value)
    except TypeError:
        raise _malformed("must be a list of names", "NodeNames") from None
    distinct = frozenset(value)
    return value if len(distinct) == len(value) else list(dict.fromkeys(value)), distinct


def _nodes(value: Any) -> dict[str, JsonObject]:
    items = value.get("items", value.get("Items")) if isinstance(value, dict) else None
    if items is None and isinstance(value, dict):
        return {}
    if not isinstance(items, list):
        raise _malformed("must be a NodeList", "Nodes")
    found: dict[str, JsonObject] = {}
    for index, item in enumerate(paced(items)):
        metadata = item.get("metadata") if isinstance(item, dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(name, str):
            raise _malformed("must be a Node with a name", f"Nodes.items[{index}]")
        found[name] = item
    return found


def _candidate(value: Any, path: str) -> Candidate:
    fields = _folded(value) if isinstance(value, dict) else None
    if fields is None or not isinstance(fields.get("pods") or [], list):
        raise _malformed("must hold a list of Pods", path)
    violations = fields.get("numpdbviolations") or 0
    if not isinstance(violations, int):
        raise _malformed("must be a whole number", f"{path}.NumPDBViolations")
    pods = enumerate(paced(fields.get("pods") or (), 16))
    return Candidate(tuple(_uid(item, f"{path}.Pods[{index}]") for index, item in pods), violations)


def _uid(value: Any, path: str) -> str:
    """Of a MetaPod, or of a whole Pod."""
    fields = _folded(value) if isinstance(value, dict) else {}
    metadata = fields.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, dict) else fields.get("uid")
    if not isinstance(uid, str) or not uid:
        raise _malformed("must be a Pod with a uid", path)
    return uid


def _malformed(message: str, path: str) -> HttpError:
    return HttpError(400, "MalformedArgs", message, path)
