"""Rewriting YAML into resource.k8s.io/v1 without losing its comments, quotes and order.

The rules of core/model/versions.py, done to ruamel's round-trip tree in place.
"""

import io
import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from app.cli.shapes import pod_spec, requests
from app.core.model.errors import FieldError
from app.core.model.parse import ref_of
from app.core.model.versions import FLAT_REQUEST_FIELDS, GROUP, to_v1
from app.manifests.reader import ManifestError, load_documents

_OFFSET = re.compile(r"^( *)[^\s#][^\n]*:[ \t]*(?:#[^\n]*)?\n(?: *(?:#[^\n]*)?\n)*( *)- ", re.MULTILINE)


def rewrite(text: bytes, source: str) -> tuple[str, list[str]]:
    """The text in v1 form, and a note on each change. A text that needs none comes back as it is.

    Raises:
        ManifestError: no YAML and no JSON.
    """
    load_documents(text, source)  # the errors of every other command, in their words
    content = text.decode("utf-8-sig")
    yaml = _round_trip(content)
    try:
        documents = list(yaml.load_all(content))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark is not None else None
        raise ManifestError(source, f"cannot be rewritten: {error.problem}", line) from None
    except YAMLError as error:
        raise ManifestError(source, f"cannot be rewritten: {' '.join(str(error).split())}") from None
    notes = [
        f"{ref_of(item)}: {note}"
        for document in documents
        for item in _objects(document)
        for note in _canonical(item, source)
    ]
    if not notes:
        return content, []
    stream = io.StringIO()
    yaml.dump_all(documents, stream)
    return stream.getvalue(), notes


def _round_trip(content: str) -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    yaml.width = 4096  # lines are the author's matter
    offsets = [len(inner) - len(outer) for outer, inner in _OFFSET.findall(content)]
    offset = 2 if offsets and min(offsets) >= 2 else 0
    yaml.indent(mapping=2, sequence=2 + offset, offset=offset)
    yaml.explicit_start = content.startswith("---")
    return yaml


def _objects(document: Any) -> Iterator[CommentedMap]:
    if not isinstance(document, CommentedMap):
        return
    items = document.get("items")
    if str(document.get("kind")).endswith("List") and isinstance(items, list):
        yield from (item for item in items if isinstance(item, CommentedMap))
    else:
        yield document


def _canonical(item: CommentedMap, source: str) -> Iterator[str]:
    """Changes one object; a note for each change."""
    version = str(item.get("apiVersion"))
    if version.startswith(f"{GROUP}/"):
        try:
            to_v1(item)
        except FieldError as error:
            line = item.lc.line + 1 if item.lc.line is not None else None
            raise ManifestError(source, f"{ref_of(item)}: {error.reason}", line) from None
        if version != f"{GROUP}/v1":
            item["apiVersion"] = f"{GROUP}/v1"
            yield f"{version} is now {GROUP}/v1"
        yield from _nest_requests(item)
        yield from _flatten_devices(item)
    if item.get("kind") in ("Job", "CronJob"):
        yield from _restart_policy(item)


def _nest_requests(item: CommentedMap) -> Iterator[str]:
    for _, request in requests(item):
        flat = [name for name in request if name in FLAT_REQUEST_FIELDS]
        if not isinstance(request, CommentedMap) or request.get("exactly") is not None:
            continue
        if all(request[name] is None for name in flat):
            continue
        exactly = CommentedMap()
        position = list(request).index(flat[0])
        for name in flat:
            _move(request, exactly, name)
        request.insert(position, "exactly", exactly)
        yield f"request {request.get('name')}: {', '.join(flat)} under exactly"


def _flatten_devices(item: CommentedMap) -> Iterator[str]:
    spec = item.get("spec")
    if item.get("kind") != "ResourceSlice" or not isinstance(spec, CommentedMap):
        return
    if spec.get("nodeName") == "":
        del spec["nodeName"]
        yield "the empty nodeName is gone"
    devices = spec.get("devices")
    for device in devices if isinstance(devices, list) else ():
        basic = device.get("basic") if isinstance(device, CommentedMap) else None
        if isinstance(basic, CommentedMap):
            for name in list(basic):
                _move(basic, device, name)
            del device["basic"]
            yield f"device {device.get('name')}: the fields of basic are its own"


def _restart_policy(item: CommentedMap) -> Iterator[str]:
    _, spec = pod_spec(item)
    if isinstance(spec, CommentedMap) and spec.get("restartPolicy") not in ("Never", "OnFailure"):
        if "restartPolicy" in spec:
            spec["restartPolicy"] = "Never"
        else:
            spec.insert(0, "restartPolicy", "Never")
        yield "restartPolicy: Never"


def _move(source: CommentedMap, target: CommentedMap, name: str) -> None:
    """Moves a key with the comments that ruamel keeps for it."""
    comments = source.ca.items.pop(name, None)
    target[name] = source.pop(name)
    if comments is not None:
        target.ca.items[name] = comments
