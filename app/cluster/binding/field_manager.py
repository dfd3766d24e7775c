"""Ownership of fields in a claim, from metadata.managedFields.

Each write names its field manager, and a later write by another manager takes the ownership. So a field
is ours exactly if it is as this program wrote it, which an annotation could not show.
"""

from collections.abc import Iterable
from typing import Any

DEFAULT_MANAGER = "dra-extender"


class Ownership:
    """The fields of one object that ``manager`` owns. Cost: O(managed fields)."""

    def __init__(self, raw: dict[str, Any], manager: str) -> None:
        entries = (raw.get("metadata") or {}).get("managedFields") or ()
        self._fields = [entry.get("fieldsV1") or {} for entry in entries if entry.get("manager") == manager]

    @property
    def allocation(self) -> bool:
        """The allocation, or part of it."""
        return self._owns("f:status", "f:allocation")

    @property
    def spec(self) -> bool:
        """The specification: the claim was created by the manager."""
        return self._owns("f:spec")

    def reservation(self, uid: str) -> bool:
        """The entry of reservedFor for this uid."""
        return self._owns("f:status", "f:reservedFor", f'k:{{"uid":"{uid}"}}')

    def _owns(self, *path: str) -> bool:
        return any(_has(fields, path) for fields in self._fields)


def _has(fields: dict[str, Any], path: Iterable[str]) -> bool:
    for name in path:
        if name not in fields:
            return False
        fields = fields[name]
    return True
