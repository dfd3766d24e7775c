"""How an expression gets at a value from a variable, and the declared bound on the size of such a value.

A path is a name and then fields, ``@keys``, ``@values`` and ``@items``. In cel-go it is a slice that
shares its array with the path that it was made from, so that a second path made from the same one
overwrites the end of the first. This shows: over ``device.attributes[d]`` with two variables, the
key is taken to be as long as a value. Estimates have to be equal, so that paths share cells here, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.cel.estimate.ranges import Range

KEYS, VALUES, ITEMS, INDICES = "@keys", "@values", "@items", "@indices"


@dataclass(frozen=True, slots=True)
class Declared:
    """The most characters, entries or elements that a variable or a part of it has.

    ``fields`` are the parts of a message by name, ``keys`` and ``values`` those of a map or list.
    """

    most: int = 0
    fields: tuple[tuple[str, "Declared"], ...] = ()
    keys: "Declared | None" = None
    values: "Declared | None" = None
    # Every field name leads to ``values``: a map whose keys are not declared one by one.
    any_field: bool = False

    def at(self, part: str) -> "Declared | None":
        """The part that a field name, or one of the ``@`` parts, leads to."""
        if part in (ITEMS, VALUES):
            return self.values
        if part == KEYS:
            return self.keys
        return self.values if self.any_field else dict(self.fields).get(part)


class Path:
    """The first ``length`` of the cells, below the sizes of ``variables``. Cells may be shared; see above.

    A path that starts at a field counts as a variable of that name, as in cel-go.
    """

    __slots__ = ("_cells", "_length", "variables")

    def __init__(self, cells: list[str], length: int, variables: Mapping[str, Declared]) -> None:
        self._cells = cells
        self._length = length
        self.variables = variables

    def then(self, part: str) -> "Path":
        """One part longer: in the same cells, if one is free behind these, else in twice as many."""
        cells, length = self._cells, self._length
        if length == len(cells):
            cells = [*cells, *[""] * max(1, length)]
        cells[length] = part
        return Path(cells, length + 1, self.variables)

    def apart(self, part: str) -> "Path":
        """One part longer, in separate cells."""
        return Path([*self.parts(), part], self._length + 1, self.variables)

    def parts(self) -> list[str]:
        """The current content of the cells."""
        return self._cells[: self._length]

    def __bool__(self) -> bool:
        return self._length > 0


def declared_size(path: Path) -> Range | None:
    """The largest size of the value at the path; None if it is not declared. O(1)."""
    name, *rest = path.parts() or ("",)
    at = path.variables.get(name)
    for part in rest:
        if at is None:
            return None
        at = at.at(part)
    return None if at is None else Range(0, at.most)
