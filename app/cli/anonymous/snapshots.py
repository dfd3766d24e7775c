"""Removes the names of a whole snapshot."""

from collections.abc import Iterable
from typing import Any

from app.cli.anonymous.kinds import KINDS
from app.cli.anonymous.pseudonyms import Pseudonyms, expressions
from app.core.json_object import JsonObject
from app.core.model.versions import to_v1


def anonymized(objects: Iterable[Any]) -> list[JsonObject]:
    """The objects in resource.k8s.io/v1, with pseudonyms, in their order, without kinds that are not read.

    Raises: FieldError for an object that cannot be converted to v1.

    Cost: two copies of the objects.
    """
    raw = [to_v1(item) for item in objects if isinstance(item, dict) and item.get("kind") in KINDS]
    names = Pseudonyms()
    for item in raw:
        KINDS[item["kind"]](names, item)
        names.texts.update(expressions(item))
    names.close()
    return [KINDS[item["kind"]](names, item) for item in raw]
