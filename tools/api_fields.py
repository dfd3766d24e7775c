"""Makes app/manifests/validation/api_fields.json: kinds and fields of the API servers of each minor version.

From the OpenAPI documents that the Go module k8s.io/kubernetes carries (``go mod download`` fetches it):

    python tools/api_fields.py          rewrites the table
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "app" / "manifests" / "validation" / "api_fields.json"
VERSIONS = (
    "1.30.14",
    "1.31.14",
    "1.32.13",
    "1.33.13",
    "1.34.4",
    "1.35.4",
    "1.36.3",
    "1.37.2",
    "1.38.0-beta.0",
)
"""The releases that are read, one of each minor version."""

Json = dict[str, Any]
Types = dict[str, dict[str, str]]
"""Type to its fields; a field to the type of its value, of its items, or of its entries with ``*`` before."""
_REF = "#/definitions/"
_ROOTS = re.compile(r"io\.k8s\.api\.(resource\.v\w+\.(?!.*List$)\w+|core\.v1\.(PodTemplateSpec|Namespace))$")
_PREFIX = re.compile(r"io\.k8s\.(api|apimachinery\.pkg\.apis|apimachinery\.pkg)\.")


def document_of(version: str) -> Json | None:
    """The OpenAPI document of a release, None where its module is not in the module cache."""
    cache = subprocess.run(
        ["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True
    ).stdout.strip()
    path = Path(cache) / f"k8s.io/kubernetes@v{version}" / "api" / "openapi-spec" / "swagger.json"
    document: Json = json.loads(path.read_bytes()) if path.exists() else None
    return document


def types_of(document: Json) -> Types:
    """The fields of every type that resource.k8s.io, Pod templates and Namespaces are made of."""
    definitions = document["definitions"]
    found: Types = {}
    waiting = [name for name in definitions if _ROOTS.match(name)]
    while waiting:
        name = waiting.pop()
        if _short(name) in found:
            continue
        properties = definitions[name].get("properties")
        if properties is None:
            continue  # a quantity, a time: a value without fields
        fields = found[_short(name)] = {}
        for field, schema in properties.items():
            target, entry = _target(schema)
            known = target is not None and definitions[target].get("properties")
            fields[field] = f"{'*' if entry else ''}{_short(target)}" if target and known else ""
            waiting += [target] if target and known else []
    return found


def kinds_of(document: Json) -> set[str]:
    """``group/version/kind`` of every kind that has objects."""
    return {
        "/".join((gvk["group"], gvk["version"], gvk["kind"]))
        for definition in document["definitions"].values()
        for gvk in definition.get("x-kubernetes-group-version-kind", ())
        if "metadata" in definition.get("properties", {}) and not gvk["kind"].endswith("List")
    }


def _short(name: str) -> str:
    return _PREFIX.sub("", name)


def _target(schema: Json) -> tuple[str | None, bool]:
    """The type that a field leads to, and whether by the entries of a map."""
    if "$ref" in schema:
        return schema["$ref"].removeprefix(_REF), False
    if "items" in schema:
        return _target(schema["items"])
    entries = schema.get("additionalProperties")
    return (_target(entries)[0], True) if isinstance(entries, dict) else (None, False)


def table_of(documents: dict[str, Json]) -> Json:
    """The table: each kind and field with the first and last minor version that has it.

    That is left out where all versions have it, and of a field where it is the same as of its type.
    """
    minors = [".".join(version.split(".")[:2]) for version in documents]
    types = [types_of(document) for document in documents.values()]
    kinds = [kinds_of(document) for document in documents.values()]
    names = sorted({name for item in types for name in item})
    return {
        "versions": minors,
        "kinds": dict(
            sorted((kind, _span([kind in known for known in kinds], minors)) for kind in set().union(*kinds))
        ),
        "types": {name: dict(_fields(name, types, minors)) for name in names},
    }


def _fields(name: str, types: list[Types], minors: list[str]) -> Iterator[tuple[str, str]]:
    fields = sorted({field for item in types for field in item.get(name, ())})
    own = _span([name in item for item in types], minors)
    for field in fields:
        span = _span([field in item.get(name, ()) for item in types], minors)
        target = next(item[name][field] for item in reversed(types) if field in item.get(name, ()))
        yield field, f"{target} {span if span != own else ''}".rstrip()


def _span(present: list[bool], minors: list[str]) -> str:
    """``1.34-1.36``, ``1.34-`` or ``-1.36``; empty where all have it. Raises: ValueError; it has gaps."""
    first, last = present.index(True), len(present) - 1 - present[::-1].index(True)
    if not all(present[first : last + 1]):
        raise ValueError(f"is gone and back: {present}")
    if first == 0 and last == len(present) - 1:
        return ""
    return f"{minors[first] if first else ''}-{minors[last] if last < len(present) - 1 else ''}"


def written(table: Json) -> str:
    """The table as text, one type or group of kinds a line."""
    parts = [f'"versions": {json.dumps(table["versions"])}']
    for part in ("kinds", "types"):
        lines = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in table[part].items())
        parts.append(f'"{part}": {{\n' + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    documents: dict[str, Json] = {}
    for version in VERSIONS:
        module = f"k8s.io/kubernetes@v{version}"
        # It fails for a module that needs a newer Go, and has unpacked it all the same.
        subprocess.run(["go", "mod", "download", module], check=False, capture_output=True, cwd=ROOT)
        document = document_of(version)
        if document is None:
            raise SystemExit(f"{module} holds no OpenAPI document")
        documents[version] = document
    TABLE.write_text(written(table_of(documents)), encoding="utf-8")


if __name__ == "__main__":
    main()
