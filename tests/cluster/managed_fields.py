"""metadata.managedFields as the API server keeps them, for the parts of a ResourceClaim that matter here.

Whoever writes a value owns it, and whoever had it before does not any more. Claims that nobody has written
under a name have no such entries. tests/e2e/test_claim_facts.py shows the real server's.
"""

from typing import Any

from app.core.json_object import JsonObject

Path = tuple[str, ...]


def keep_managers(old: JsonObject, new: JsonObject, manager: str) -> None:
    """Carries the entries of `old` over to `new`, what has changed going to `manager`."""
    owners = _owners(old)
    before, after = _values(old), _values(new)
    if manager or owners:
        for path in before.keys() | after.keys():
            if path not in after:
                owners.pop(path, None)
            elif before.get(path) != after[path]:
                owners[path] = manager or "somebody"
    metadata = new.setdefault("metadata", {})
    metadata.pop("managedFields", None)
    if owners:
        metadata["managedFields"] = _entries(owners)


def _values(obj: JsonObject) -> dict[Path, Any]:
    status, metadata = obj.get("status") or {}, obj.get("metadata") or {}
    found: dict[Path, Any] = {
        ("f:metadata", "f:finalizers", f'v:"{name}"'): name for name in metadata.get("finalizers") or ()
    }
    if status.get("allocation"):
        found["f:status", "f:allocation"] = status["allocation"]
    for entry in status.get("reservedFor") or ():
        found["f:status", "f:reservedFor", f'k:{{"uid":"{entry["uid"]}"}}'] = entry
    if obj.get("spec"):
        found["f:spec",] = obj["spec"]
    return found


def _owners(obj: JsonObject) -> dict[Path, str]:
    found: dict[Path, str] = {}
    for entry in (obj.get("metadata") or {}).get("managedFields") or ():
        found |= dict.fromkeys(_paths(entry["fieldsV1"]), entry["manager"])
    return found


def _paths(fields: JsonObject) -> list[Path]:
    return [(name, *rest) for name, below in fields.items() for rest in (_paths(below) if below else [()])]


def _entries(owners: dict[Path, str]) -> list[JsonObject]:
    entries: dict[str, JsonObject] = {}
    for path, manager in sorted(owners.items()):
        fields = entries.setdefault(manager, {})
        for name in path:
            fields = fields.setdefault(name, {})
    return [
        {"manager": manager, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": fields}
        for manager, fields in entries.items()
    ]
