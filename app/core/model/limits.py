"""How large the API server lets objects of resource.k8s.io be (k8s.io/api/resource/v1, types.go).

For objects that no API server has seen: those of a dry run. The length of an expression is not checked: the
allocator takes a longer one than the API server, and a dry run gives the allocator's verdict.
"""

from collections.abc import Iterator
from typing import Any

MAX_SLICE_DEVICES = 128
MAX_REQUESTS = 32
MAX_SELECTORS = 32
MAX_FIRST_AVAILABLE = 8
MAX_CONSTRAINTS = 32

_LISTS = {
    "requests": MAX_REQUESTS,
    "selectors": MAX_SELECTORS,
    "firstAvailable": MAX_FIRST_AVAILABLE,
    "constraints": MAX_CONSTRAINTS,
}


def beyond_limits(raw: Any) -> tuple[str, str] | None:
    """The first field that is larger than an API server takes, and why; None if all are within limits.

    O(size of what is within limits): checked before the object is read.
    """
    spec = raw.get("spec") if isinstance(raw, dict) else None
    if not isinstance(spec, dict):
        return None
    match raw.get("kind"):
        case "ResourceSlice":
            found = _longer(spec, "devices", MAX_SLICE_DEVICES, "spec")
            return next(found, None)
        case "DeviceClass" | "ResourceClaim":
            return next(_in_spec(spec, "spec"), None)
        case "ResourceClaimTemplate":
            return next(_in_spec(spec.get("spec"), "spec.spec"), None)
        case _:
            return None


def _in_spec(spec: Any, path: str) -> Iterator[tuple[str, str]]:
    """Goes down through ``devices``, requests and their alternatives to the selectors."""
    if not isinstance(spec, dict):
        return
    for name, most in _LISTS.items():
        yield from _longer(spec, name, most, path)
    for name in ("devices", "exactly"):
        yield from _in_spec(spec.get(name), f"{path}.{name}")
    for name in ("requests", "firstAvailable"):
        for index, item in enumerate(_list(spec, name)):
            yield from _in_spec(item, f"{path}.{name}[{index}]")


def _longer(holder: dict[str, Any], name: str, most: int, path: str) -> Iterator[tuple[str, str]]:
    number = len(_list(holder, name))
    if number > most:
        yield f"{path}.{name}", f"must have at most {most} items, not {number}"


def _list(holder: dict[str, Any], name: str) -> list[Any]:
    found = holder.get(name)
    return found if isinstance(found, list) else []
