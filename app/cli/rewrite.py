"""Rewrites manifests in a version of resource.k8s.io, and changes only the necessary lines.

Applies the rules of core/model/versions.py as edits of the text, in both directions.
"""

from collections.abc import Iterator
from typing import Any, Literal

import yaml

from app.cli.located import locate, opened
from app.cli.rules import no_object
from app.cli.text_edits import EditError, TextEdits
from app.cli.unrendered import unrendered
from app.core.json_object import JsonObject
from app.core.model.errors import FieldError
from app.core.model.parse import KINDS, is_broken_list, ref_of
from app.core.model.versions import FLAT_REQUEST_FIELDS, GROUP, to_v1
from app.manifests.reader import ManifestError, load_documents
from app.manifests.validation.shapes import Path, items, lacks_restart_policy, pod_specs, requests

Target = Literal["v1", "v1beta2", "v1beta1"]

_OLD_RULES = "v1alpha3"
"""The version of DeviceTaintRules in clusters without resource.k8s.io/v1."""
_OLD_SELECTORS = ("deviceClassName", "selectors")
"""What only rules of Kubernetes 1.33 and 1.34 select by, besides names."""
_BOM = "\ufeff"


def rewrite(text: bytes, source: str, to: Target = "v1") -> tuple[str, list[str]]:
    """The text in a version's form, and a note on each change. A text without changes is returned unchanged.

    DeviceTaintRules become v1alpha3 in both older versions: 1.33 has no other.

    Raises:
        ManifestError: neither YAML nor JSON, a form of YAML that cannot be edited, or an object that would
            mean something else in that version.
    """
    documents = _documents(text, source)
    _must_be_objects(documents, text, source)
    whole = text.decode("utf-8")
    content = whole.removeprefix(_BOM)
    edits, notes = TextEdits(content), list[str]()
    if not any(_is_affected(raw) for document in documents for _, raw in opened(document)):
        return whole, []
    try:
        nodes = _nodes(content, len(documents))
        for document, node in zip(documents, nodes, strict=True):
            for prefix, raw in opened(document):
                if isinstance(raw, dict):
                    notes += _Object(raw, node, prefix, edits, source=source, to=to).changes()
        result = edits.result()
        _must_mean_the_same(documents, load_documents(result, source))
    except yaml.YAMLError as error:
        raise ManifestError(source, f"cannot be rewritten: {' '.join(str(error).split())}") from None
    except EditError as error:
        raise ManifestError(source, f"cannot be rewritten: {error}") from None
    return whole[: len(whole) - len(content)] + result, notes


def _documents(text: bytes, source: str) -> list[Any]:
    """Raises: ManifestError, for a template with a hint."""
    try:
        return load_documents(text, source)
    except ManifestError as error:
        content = text.decode(errors="replace")
        template = unrendered(content)
        if template is None:
            raise
        position, message = template
        raise ManifestError(source, message, content.count("\n", 0, position) + 1) from error


def _must_be_objects(documents: list[Any], text: bytes, source: str) -> None:
    """Mappings without a kind, such as the values of a chart, are left alone. Raises: ManifestError."""
    if not any(_problem(raw) for document in documents for _, raw in opened(document)):
        return
    for item in locate(text, source):
        if problem := _problem(item.raw):
            raise ManifestError(source, problem, item.line(()))


def _problem(raw: Any) -> str:
    """Why this is not an object; empty if it may be one."""
    if not isinstance(raw, dict):
        return no_object(raw)
    if is_broken_list(raw):
        return "items: must be a list"
    return "" if isinstance(raw.get("kind"), str | None) else "kind: must be a string"


def _nodes(content: str, documents: int) -> list[yaml.Node]:
    """The trees of a text's documents. Raises: YAMLError, EditError."""
    nodes = list(yaml.compose_all(content, Loader=yaml.CSafeLoader))
    if len(nodes) != documents:
        raise EditError("it contains several JSON texts")
    return nodes


def _is_affected(raw: Any) -> bool:
    return isinstance(raw, dict) and (
        str(raw.get("apiVersion")).startswith(f"{GROUP}/") or next(pod_specs(raw), None) is not None
    )


class _Object:
    """One object, its place in a document, and the necessary edits."""

    def __init__(
        self,
        raw: JsonObject,
        root: yaml.Node,
        prefix: Path,
        edits: TextEdits,
        *,
        source: str,
        to: Target,
    ) -> None:
        self._raw = raw
        self._to = to
        self._root = root
        self._prefix = prefix
        self._edits = edits
        self._source = source

    def changes(self) -> Iterator[str]:
        """Makes the edits; a note on each. Raises: ManifestError, EditError."""
        for note in self._notes():
            yield f"{ref_of(self._raw)}: {note}"

    def _notes(self) -> Iterator[str]:
        version = str(self._raw.get("apiVersion"))
        if version.startswith(f"{GROUP}/"):
            try:
                to_v1(self._raw)
            except FieldError as error:
                line = self._node(()).start_mark.line + 1
                raise ManifestError(self._source, f"{ref_of(self._raw)}: {error.reason}", line) from None
            target = self._target(version)
            if version != target:
                self._edits.replace_scalar(self._scalar(("apiVersion",)), target)
                yield f"{version} is now {target}"
            yield from self._keep_selection(version, target)
            yield from self._remove_empty_node_name()
            if self._to == "v1beta1":
                yield from self._lift_requests()
                yield from self._nest_devices()
            else:
                yield from self._nest_requests()
                yield from self._lift_devices()
        for path, spec in pod_specs(self._raw):
            if lacks_restart_policy(self._raw, spec):
                self._set_restart_policy(path, spec)
                yield "restartPolicy: Never"
            for at, claim in items(spec, "resourceClaims", path):
                if _has_source(claim):
                    self._edits.lift(self._mapping(at), "source")
                    yield f"claim {claim.get('name')}: the fields of source are now next to the name"

    def _target(self, version: str) -> str:
        kind = self._raw.get("kind")
        if kind not in KINDS:  # such as ResourcePoolStatusRequest, which only v1alpha3 has
            return version
        return f"{GROUP}/{_OLD_RULES if kind == 'DeviceTaintRule' and self._to != 'v1' else self._to}"

    def _keep_selection(self, version: str, target: str) -> Iterator[str]:
        """A DeviceTaintRule without a selector is for no device in v1, and for all of them before.

        Raises: ManifestError, for a rule that would be for other devices.
        """
        spec = self._raw.get("spec")
        if self._raw.get("kind") != "DeviceTaintRule" or not isinstance(spec, dict):
            return
        self._must_select_by_name(spec, target)
        if (
            spec.get("deviceSelector") is not None
            or version == target
            or f"{GROUP}/v1" not in (version, target)
        ):
            return
        if version == f"{GROUP}/v1":
            line = self._node(("spec",)).start_mark.line + 1
            text = f"without deviceSelector it is for no device, but in {target} for all: add one"
            raise ManifestError(self._source, f"{ref_of(self._raw)}: {text}", line)
        self._edits.append_empty(self._mapping(("spec",)), "deviceSelector")
        yield "deviceSelector: {} is for all devices, as no selector was"

    def _must_select_by_name(self, spec: JsonObject, target: str) -> None:
        """An API server drops what its version does not select by: the rule would taint more devices."""
        selector = spec.get("deviceSelector")
        gone = [name for name in _OLD_SELECTORS if isinstance(selector, dict) and selector.get(name)]
        if gone and target != f"{GROUP}/{_OLD_RULES}":
            line = self._node(("spec", "deviceSelector")).start_mark.line + 1
            text = f"{target} has no {' and no '.join(gone)}: select by driver, pool and device"
            raise ManifestError(self._source, f"{ref_of(self._raw)}: {text}", line)

    def _lift_requests(self) -> Iterator[str]:
        for path, request in requests(self._raw):
            if isinstance(request.get("exactly"), dict):
                self._edits.lift(self._mapping(path), "exactly")
                yield f"request {request.get('name')}: the fields of exactly are now next to the name"

    def _nest_requests(self) -> Iterator[str]:
        for path, request in requests(self._raw):
            flat = [name for name in request if name in FLAT_REQUEST_FIELDS]
            if request.get("exactly") is not None or all(request[name] is None for name in flat):
                continue
            self._edits.nest(self._mapping(path), flat, "exactly")
            yield f"request {request.get('name')}: {', '.join(flat)} under exactly"

    def _remove_empty_node_name(self) -> Iterator[str]:
        if self._slice_spec().get("nodeName") == "":
            self._edits.remove(self._mapping(("spec",)), "nodeName")
            yield "removed the empty nodeName"

    def _slice_spec(self) -> JsonObject:
        """Empty if the object is not a slice."""
        spec = self._raw.get("spec")
        return spec if self._raw.get("kind") == "ResourceSlice" and isinstance(spec, dict) else {}

    def _nest_devices(self) -> Iterator[str]:
        for path, device in items(self._slice_spec(), "devices", ("spec",)):
            if device.get("basic") is not None:
                continue
            names = [name for name in device if name not in ("name", "basic")]
            if names:
                self._edits.nest(self._mapping(path), names, "basic")
                yield f"device {device.get('name')}: {', '.join(names)} under basic"
            elif "basic" not in device:  # the API server requires it
                self._edits.append_empty(self._mapping(path), "basic")
                yield f"device {device.get('name')}: basic is required"

    def _lift_devices(self) -> Iterator[str]:
        for path, device in items(self._slice_spec(), "devices", ("spec",)):
            if isinstance(device.get("basic"), dict):
                self._edits.lift(self._mapping(path), "basic")
                yield f"device {device.get('name')}: the fields of basic are its own"

    def _set_restart_policy(self, path: Path, spec: JsonObject) -> None:
        if "restartPolicy" in spec:
            self._edits.replace_scalar(self._scalar((*path, "restartPolicy")), "Never")
        else:
            self._edits.insert_first(self._mapping(path), "restartPolicy", "Never")

    def _scalar(self, path: Path) -> yaml.ScalarNode:
        node = self._node(path)
        if not isinstance(node, yaml.ScalarNode):
            raise EditError(f"{path[-1]} is not a string")
        return node

    def _mapping(self, path: Path) -> yaml.MappingNode:
        node = self._node(path)
        if not isinstance(node, yaml.MappingNode):
            raise EditError(f"{path[-1]} is not an object")
        return node

    def _node(self, path: Path) -> yaml.Node:
        """Raises: EditError; it comes from elsewhere, by an alias or a merge."""
        node, begin = self._root, -1
        for part in (*self._prefix, *path):
            if isinstance(node, yaml.MappingNode):
                found = next((value for key, value in node.value if key.value == part), None)
            else:
                found = node.value[part] if isinstance(part, int) else None
            if found is None or found.start_mark.index < begin:
                raise EditError(f"{part} is an alias")
            node, begin = found, found.start_mark.index
        return node


def _has_source(claim: JsonObject) -> bool:
    named = claim.get("resourceClaimName") or claim.get("resourceClaimTemplateName")
    return isinstance(claim.get("source"), dict) and not named


def _must_mean_the_same(before: list[Any], after: list[Any]) -> None:
    """Raises: EditError. YAML has forms that an edit of its lines reads otherwise than it should."""
    if [_meaning(item) for item in before] != [_meaning(item) for item in after]:
        raise EditError("its form does not allow edits of single lines")


def _meaning(document: Any) -> list[Any]:
    return [_without_nulls(_canonical(raw)) for _, raw in opened(document)]


def _canonical(raw: Any) -> Any:
    if not isinstance(raw, dict):
        return raw
    result = to_v1(raw)
    for path, spec in pod_specs(raw):
        new = {**spec, "restartPolicy": "Never"} if lacks_restart_policy(raw, spec) else dict(spec)
        claims = spec.get("resourceClaims")
        if isinstance(claims, list):
            new["resourceClaims"] = [_without_source(claim) for claim in claims]
        result = _with(result, path, new)
    return result


def _without_source(claim: Any) -> Any:
    if not isinstance(claim, dict) or not _has_source(claim):
        return claim
    return {name: value for name, value in claim.items() if name != "source"} | claim["source"]


def _with(value: Any, path: Path, new: Any) -> Any:
    """The value with another one at a path."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, list):
        return [_with(item, tuple(rest), new) if at == first else item for at, item in enumerate(value)]
    return value | {first: _with(value[first], tuple(rest), new)}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
