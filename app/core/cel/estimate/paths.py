"""How an expression gets at a value from ``device``, and the size that the API bounds such a value to.

A path is a name and then fields, ``@keys``, ``@values`` and ``@items``. In cel-go it is a slice that
shares its array with the path that it was made from, so that a second path made from the same one
overwrites the end of the first. This shows: over ``device.attributes[d]`` with two variables, the
key is taken to be as long as a value. Estimates have to be equal, so that paths share cells here, too.
"""

from dataclasses import dataclass

from app.core.cel.estimate.ranges import Range

KEYS, VALUES, ITEMS, INDICES = "@keys", "@values", "@items", "@indices"


class Path:
    """The first ``length`` of the cells. Cells may be shared; see above."""

    __slots__ = ("_cells", "_length")

    def __init__(self, cells: list[str], length: int) -> None:
        self._cells = cells
        self._length = length

    def then(self, part: str) -> "Path":
        """One part longer: in the same cells, if one is free behind these, else in twice as many."""
        cells, length = self._cells, self._length
        if length == len(cells):
            cells = [*cells, *[""] * max(1, length)]
        cells[length] = part
        return Path(cells, length + 1)

    def apart(self, part: str) -> "Path":
        """One part longer, in cells of its own."""
        return Path([*self.parts(), part], self._length + 1)

    def parts(self) -> list[str]:
        """What the cells hold now."""
        return self._cells[: self._length]

    def __bool__(self) -> bool:
        return self._length > 0


def path_of(name: str) -> Path:
    """The path of a variable."""
    return Path([name], 1)


NOWHERE = Path([], 0)
"""What nothing declared leads to."""


@dataclass(frozen=True, slots=True)
class _Declared:
    """A declared type: how many characters, entries or elements its values have at most."""

    most: int = 0
    fields: tuple[tuple[str, "_Declared"], ...] = ()
    keys: "_Declared | None" = None
    values: "_Declared | None" = None
    # Every field leads to a value: so it is with the attributes of a domain, whatever their names.
    any_field: bool = False

    def at(self, part: str) -> "_Declared | None":
        if part in (ITEMS, VALUES):
            return self.values
        if part == KEYS:
            return self.keys
        return self.values if self.any_field else dict(self.fields).get(part)


# k8s.io/api/resource/v1: DeviceAttributeMaxValueLength, DeviceMaxIDLength, DeviceMaxDomainLength,
# DriverNameMaxLength, ResourceSliceMaxAttributesAndCapacitiesPerDevice.
_ATTRIBUTE, _ID, _DOMAIN, _DRIVER = _Declared(64), _Declared(32), _Declared(63), _Declared(63)
_PER_DEVICE = 32


def _by_domain(value: _Declared, *, any_field: bool) -> _Declared:
    inner = _Declared(_PER_DEVICE, keys=_ID, values=value, any_field=any_field)
    return _Declared(_PER_DEVICE, keys=_DOMAIN, values=inner)


_DEVICE = _Declared(
    fields=(
        ("driver", _DRIVER),
        ("attributes", _by_domain(_ATTRIBUTE, any_field=True)),
        ("capacity", _by_domain(_Declared(), any_field=False)),
        ("allowMultipleAllocations", _Declared(1)),
    )
)


def declared_size(path: Path) -> Range | None:
    """How large what the path leads to is at most; None if it is not declared. O(1)."""
    name, *rest = path.parts() or ("",)
    at: _Declared | None = _DEVICE if name == "device" else None
    for part in rest:
        if at is None:
            return None
        at = at.at(part)
    return None if at is None else Range(0, at.most)
