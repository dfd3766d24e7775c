"""Merge patch (RFC 7386) and JSON patch (RFC 6902: add, remove, replace, test) for the fake API server."""

from typing import Any

from tests.cluster.fake_store import StatusError


def merge_patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: Any, operations: list[dict[str, Any]]) -> Any:
    """Changes and returns the target. Raises StatusError 422 where a path or a test fails."""
    for operation in operations:
        _apply(target, operation["op"], operation["path"], operation.get("value"))
    return target


def _apply(target: Any, op: str, path: str, value: Any) -> None:
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    for part in parents:
        target = _child(target, part, path)
    if isinstance(target, list):
        key: Any = len(target) if last == "-" else int(last)
    else:
        key = last
    exists = key in target if isinstance(target, dict) else key < len(target)
    if op == "add":
        if isinstance(target, list):
            target.insert(key, value)
        else:
            target[key] = value
        return
    if not exists and (op, value) == ("test", None):
        return
    if not exists:
        raise StatusError(422, "Invalid", f"jsonpatch {op} operation does not apply: {path} is missing")
    _change(target, key, op, path, value)


def _change(target: Any, key: Any, op: str, path: str, value: Any) -> None:
    if op == "replace":
        target[key] = value
    elif op == "remove":
        del target[key]
    elif op == "test":
        if target[key] != value:
            raise StatusError(422, "Invalid", f"jsonpatch test operation does not apply: {path}")
    else:
        raise StatusError(400, "BadRequest", f"the fake does not know the operation {op}")


def _child(target: Any, part: str, path: str) -> Any:
    try:
        return target[int(part)] if isinstance(target, list) else target[part]
    except (KeyError, IndexError, TypeError):
        raise StatusError(422, "Invalid", f"jsonpatch: {path} is missing") from None
