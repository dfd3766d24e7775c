"""The messages of Cluster Autoscaler's service ``grpcplugin.Expander``, all versions of them.

Up to 1.34 it sends Pods and Nodes as messages (``pod``, ``nodeMap``), since then as their bytes too or alone
(``podBytes``, ``nodeBytesMap``). Both look alike on the wire; the bytes have precedence.
Source: cluster-autoscaler/expander/grpcplugin/protos/expander.proto and grpc_client.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.api.expander.objects import read_raw
from app.api.expander.protobuf import MAX_FIELDS, FieldBudget, Value, fields, integer, text, written
from app.core.dry_run.expansion import Option
from app.core.dry_run.what_if import MAX_ADDED
from app.core.model.errors import FieldError, ObjectError
from app.core.model.node import Node
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.pauses import pause

PATH = "/grpcplugin.Expander/BestOptions"
MAX_OPTIONS = 10_000
MAX_OBJECT_FIELDS = 10_000
"""Fields of a Pod or Node, those aside that are skipped in one piece. The model reads an object in one go."""
_MAX_NAME = 1024
_MAX_DEBUG = 256
_OPTIONS, _NODE_MAP, _NODE_BYTES_MAP = 1, 2, 3
_GROUP, _COUNT, _DEBUG = 1, 2, 3
_NAMES = {_GROUP: "nodeGroupId", _COUNT: "nodeCount", _DEBUG: "debug", 4: "pod", 5: "podBytes"}


class RequestError(ValueError):
    """A request that cannot be answered: which object, which field, and why."""


@dataclass(frozen=True, slots=True)
class OptionMessage:
    """An option as it came. ``pods`` are not read yet: their bytes, from the field ``pods_field``."""

    group: str
    count: int
    debug: str
    pods_field: str
    pods: tuple[memoryview, ...]

    def answer(self) -> bytes:
        """The option to send back, without its Pods: Cluster Autoscaler finds its own by the group."""
        debug = self.debug[:_MAX_DEBUG]
        return written(_GROUP, self.group) + written(_COUNT, self.count) + written(_DEBUG, debug)


@dataclass(frozen=True, slots=True)
class BestOptionsRequest:
    """The options as they came, and as the decision reads them."""

    messages: tuple[OptionMessage, ...]
    options: tuple[Option, ...]


def read_request(data: bytes, most_pods: int, most_fields: int = MAX_FIELDS) -> BestOptionsRequest:
    """Reads a request. Cost: O(fields), with pauses; a Pod of several options is read once.

    Raises: RequestError.
    """
    budget = FieldBudget(most_fields)
    found: list[OptionMessage] = []
    nodes: dict[str, dict[str, memoryview]] = {"nodeMap": {}, "nodeBytesMap": {}}
    try:
        for number, value in fields(memoryview(data), budget):
            if number == _OPTIONS:
                found.append(_option(_bytes(value), len(found), budget))
            elif number in (_NODE_MAP, _NODE_BYTES_MAP):
                name = "nodeMap" if number == _NODE_MAP else "nodeBytesMap"
                _add_node(nodes[name], name, _bytes(value), budget)
    except FieldError as error:
        raise RequestError(_text(error, "the request")) from None
    reader = _Objects(budget, most_pods)
    templates = {
        group: node
        for name, by_group in nodes.items()
        for group, raw in by_group.items()
        if (node := reader.node(raw, f"{name}[{group}]")) is not None
    }
    options = tuple(reader.option(item, number, templates) for number, item in enumerate(found))
    return BestOptionsRequest(tuple(found), options)


def response(options: list[OptionMessage]) -> bytes:
    """A BestOptionsResponse."""
    return b"".join(written(_OPTIONS, option.answer()) for option in options)


def _option(data: memoryview, index: int, budget: FieldBudget) -> OptionMessage:
    if index >= MAX_OPTIONS:
        raise FieldError(f"has more than {MAX_OPTIONS} options")
    found: dict[str, Any] = {}
    try:
        for number, value in fields(data, budget):
            name = _NAMES.get(number)
            if name is not None:
                _put(found, name, value, budget)
    except FieldError as error:
        raise error.under("options", index) from None
    pods = "podBytes" if "podBytes" in found else "pod"
    option = OptionMessage(
        found.get("nodeGroupId", ""),
        found.get("nodeCount", 0),
        found.get("debug", ""),
        pods,
        tuple(found.get(pods, ())),
    )
    _check(option, index)
    return option


def _put(found: dict[str, Any], name: str, value: Value, budget: FieldBudget) -> None:
    try:
        if name in ("nodeGroupId", "debug"):
            found[name] = text(value, budget)
        elif name == "nodeCount":
            found[name] = integer(value, budget)
        else:
            found.setdefault(name, []).append(_bytes(value))
    except FieldError as error:
        raise error.under(name) from None


def _check(option: OptionMessage, index: int) -> None:
    if not 0 <= option.count <= MAX_ADDED:
        text = f"must be 0 to {MAX_ADDED}, not {option.count}"
        raise FieldError(text, "options", index, "nodeCount")
    if not option.group:
        raise FieldError("is missing", "options", index, "nodeGroupId")
    if len(option.group) > _MAX_NAME:
        raise FieldError(f"must have at most {_MAX_NAME} characters", "options", index, "nodeGroupId")


def _add_node(nodes: dict[str, memoryview], name: str, data: memoryview, budget: FieldBudget) -> None:
    group, node = "", memoryview(b"")
    try:
        for number, value in fields(data, budget):
            if number == 1:
                group = text(value, budget)
            elif number == 2:
                node = _bytes(value)
    except FieldError as error:
        raise error.under(name) from None
    nodes[group] = node


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise FieldError("must be a message, not a number")
    return value


def _text(error: FieldError, whole: str) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path)
    return f"{path.removeprefix('.') or whole}: {error.reason}"


class _Objects:
    """Reads Pods and Nodes, each Pod once: every option names those that it would help."""

    def __init__(self, budget: FieldBudget, most_pods: int) -> None:
        self._budget = budget
        self._most = most_pods
        self._count = 0
        self._pods: dict[bytes, Pod] = {}

    def option(self, item: OptionMessage, index: int, nodes: Mapping[str, Node]) -> Option:
        """The option with its Pods. Raises: RequestError."""
        where = f"options[{index}].{item.pods_field}"
        self._count += len(item.pods)
        if self._count > self._most:
            raise RequestError(f"{where}: more than {self._most} Pods in one request")
        pods = tuple(self._pod(one, f"{where}[{at}]") for at, one in enumerate(item.pods))
        return Option(item.group, item.count, pods, nodes.get(item.group))

    def node(self, data: memoryview, where: str) -> Node | None:
        """A template; None for an empty one. Raises: RequestError."""
        node = self._parse("Node", data, where) if data else None
        assert node is None or isinstance(node, Node)  # noqa: S101 - by its kind
        return node

    def _pod(self, data: memoryview, where: str) -> Pod:
        key = bytes(data)
        pod = self._pods.get(key)
        if pod is None:
            made = self._parse("Pod", data, where)
            assert isinstance(made, Pod)  # noqa: S101 - by its kind
            pod = self._pods[key] = made
        return pod

    def _parse(self, kind: str, data: memoryview, where: str) -> Any:
        own = FieldBudget(MAX_OBJECT_FIELDS)
        try:
            raw = read_raw(kind, data, own)
            self._budget.spend(MAX_OBJECT_FIELDS - own.left)
            pause()
            return parse(raw)
        except FieldError as error:
            raise RequestError(f"{where}: {kind}: {_text(error, 'the object')}") from None
        except ObjectError as error:
            raise RequestError(f"{where}: {error}") from None
