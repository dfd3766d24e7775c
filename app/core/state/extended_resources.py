"""The DeviceClass of each extended resource."""

from collections.abc import Iterable

from app.core.model.device_class import DeviceClass
from app.core.model.extended_resources import CLASS_PREFIX


def classes_by_resource(classes: Iterable[DeviceClass]) -> dict[str, DeviceClass]:
    """Resource name to class. O(classes).

    Where several classes name one resource, the newest has it, and of those as old the first by name: the
    rule of extendedresourcecache in dynamic-resource-allocation, without its memory of the order of
    events.
    """
    found: dict[str, DeviceClass] = {}
    for item in sorted(classes, key=lambda item: item.meta.name, reverse=True):
        found[CLASS_PREFIX + item.meta.name] = item
        name = item.extended_resource_name
        if name and (name not in found or _age(item) >= _age(found[name])):
            found[name] = item
    return found


def _age(item: DeviceClass) -> str:
    # RFC 3339 in UTC and in whole seconds, as the API server writes it: compares as text.
    return item.meta.created or ""
