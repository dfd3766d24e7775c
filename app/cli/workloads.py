"""From files to a dry run: which objects are to be placed, and which belong to the inventory."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from app.cli.located import Located, path_of, read_located
from app.cli.problems import InputError
from app.cli.talk import say
from app.core.json_object import JsonObject
from app.core.model import workload
from app.core.model.errors import ObjectError
from app.core.model.parse import KINDS, NAMESPACED, is_of, parse
from app.manifests.reader import ManifestError, read_paths


def read_objects(paths: Sequence[str]) -> list[Any]:
    """The raw objects of files, folders and ``-``. Raises: InputError."""
    try:
        return read_paths(paths)
    except ManifestError as error:
        raise InputError(str(error)) from None


def read_request(paths: Sequence[str], namespace: str) -> JsonObject:
    """The ``workloads`` and ``objects`` of a dry run.

    Kinds that do not matter for placing Pods are named on stderr and left out.

    Raises:
        InputError: a file cannot be read, or there is nothing to place.
    """
    located, broken = read_located(paths)
    if broken:
        raise InputError(str(broken[0]))
    by_identity = {id(item.raw): item for item in located}
    objects = []
    for raw in known(item.raw for item in located):
        _must_parse(by_identity[id(raw)])
        objects.append(in_namespace(raw, namespace))
    wanted = [item for item in objects if _to_be_placed(item)]
    if not wanted:
        kinds = ", ".join(sorted(workload.KINDS))
        raise InputError(f"nothing to place in {', '.join(paths)}", f"give a Pod or one of {kinds}")
    return {"workloads": wanted, "objects": [item for item in objects if not _to_be_placed(item)]}


def _must_parse(item: Located) -> None:
    """The service would refuse it as well, but does not know the file."""
    try:
        parse(item.raw)
    except ObjectError as error:
        raise InputError(f"{item.source}:{item.line(path_of(error.path))}: {error}") from None


def known(objects: Iterable[Any]) -> list[Any]:
    """The objects of kinds that matter here; the others are counted on stderr."""
    kept: list[Any] = []
    skipped: Counter[str] = Counter()
    for item in objects:
        kind = item.get("kind") if isinstance(item, dict) else None
        if isinstance(kind, str) and kind not in KINDS:
            skipped[kind] += 1
        else:
            kept.append(item)
    if skipped:
        counts = ", ".join(f"{number} {kind}" for kind, number in sorted(skipped.items()))
        say(f"skipped, no matter for devices: {counts}")
    return kept


def in_namespace(item: Any, namespace: str) -> Any:
    """The object with a namespace, if its kind has one and it names none itself."""
    if not is_of(item, NAMESPACED):
        return item
    meta = item.get("metadata")
    if not isinstance(meta, dict) or meta.get("namespace"):
        return item
    return item | {"metadata": meta | {"namespace": namespace}}


def _to_be_placed(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    if is_of(item, workload.KINDS):
        return True
    if item.get("kind") != "Pod":
        return False
    spec, status = item.get("spec"), item.get("status")
    bound = isinstance(spec, dict) and bool(spec.get("nodeName"))
    done = isinstance(status, dict) and status.get("phase") in ("Succeeded", "Failed")
    return not bound and not done
