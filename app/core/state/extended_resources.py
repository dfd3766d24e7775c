"""The DeviceClass of each extended resource."""

from collections import Counter
from collections.abc import Mapping

from app.core.model.device_class import DeviceClass
from app.core.model.extended_resources import CLASS_PREFIX


class ResourceClasses:
    """Resource name to class, kept up to date as classes change: there may be 50,000.

    Where several classes name one resource, the newest has it, and of those as old the first by name: the
    rule of extendedresourcecache in dynamic-resource-allocation, without its memory of the order of
    events.

    Args:
        classes: all classes by name. The owner changes them, and calls ``changed``.
    """

    def __init__(self, classes: Mapping[str, DeviceClass]) -> None:
        self._classes = classes
        self._naming = Counter[str]()
        # Of the resources that some class names; without those whose class has gone since the last ``get``.
        self._chosen: dict[str, DeviceClass] = {}

    def fork(self, classes: Mapping[str, DeviceClass]) -> "ResourceClasses":
        """An independent copy over a copy of the classes. O(resources)."""
        other = ResourceClasses(classes)
        other._naming = self._naming.copy()
        other._chosen = dict(self._chosen)
        return other

    def changed(self, before: DeviceClass | None, after: DeviceClass | None) -> None:
        """Takes a class that comes, goes or differs. O(1)."""
        if before is not None and after is not None and _is_alike(before, after):
            if self._chosen.get(before.extended_resource_name or "") is before:
                self._chosen[before.extended_resource_name or ""] = after
            return
        if before is not None and before.extended_resource_name:
            self._leave(before.extended_resource_name, before.meta.name)
        if after is not None and after.extended_resource_name:
            self._join(after.extended_resource_name, after)

    def get(self, resource: str) -> DeviceClass | None:
        """The class that provides the resource. O(1), and O(classes) after it has lost one of several."""
        if resource.startswith(CLASS_PREFIX):
            own = self._classes.get(resource.removeprefix(CLASS_PREFIX))
            if own is not None:
                return own
        chosen = self._chosen.get(resource)
        if chosen is None and resource in self._naming:
            # Without pauses: 50,000 classes take 4 ms, and none may change before this is noted.
            for item in self._classes.values():
                if item.extended_resource_name == resource and (chosen is None or _has_it(item, chosen)):
                    chosen = self._chosen[resource] = item
        return chosen

    def __contains__(self, resource: str) -> bool:
        return self.get(resource) is not None

    def _join(self, resource: str, item: DeviceClass) -> None:
        self._naming[resource] += 1
        chosen = self._chosen.get(resource)
        alone = self._naming[resource] == 1
        if alone or (chosen is not None and _has_it(item, chosen)):
            self._chosen[resource] = item

    def _leave(self, resource: str, name: str) -> None:
        self._naming[resource] -= 1
        if not self._naming[resource]:
            del self._naming[resource]
        chosen = self._chosen.get(resource)
        if chosen is not None and chosen.meta.name == name:
            del self._chosen[resource]


def _is_alike(before: DeviceClass, after: DeviceClass) -> bool:
    return before.extended_resource_name == after.extended_resource_name and _age(before) == _age(after)


def _has_it(item: DeviceClass, other: DeviceClass) -> bool:
    """Whether the first of two classes that name one resource has it."""
    if _age(item) != _age(other):
        return _age(item) > _age(other)
    return item.meta.name < other.meta.name


def _age(item: DeviceClass) -> str:
    # RFC 3339 in UTC and in whole seconds, as the API server writes it: compares as text.
    return item.meta.created or ""
