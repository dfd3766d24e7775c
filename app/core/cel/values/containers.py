"""Maps and lists that come from Go values: each read gives another object."""

from typing import Any

from app.core.cel.values.values import CelMap


class NativeMap(CelMap):
    """A map of Go strings: look-ups of other keys find nothing.

    What is read from it is another object each time, as in Go: as keys of maps they are all different.
    """

    __slots__ = ()
    native = True

    def find(self, key: Any) -> tuple[Any, bool]:
        """The value and whether there is one."""
        found, present = super().find(key)
        return (anew(found) if present else found), present


def anew(value: Any) -> Any:
    """The same list or map as another object."""
    if value.__class__ is tuple:
        return (*value,)
    return NativeMap(value.entries) if value.__class__ is NativeMap else value
