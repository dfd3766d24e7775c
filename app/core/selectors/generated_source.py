"""The names that generated Python code uses: every literal of an expression is a value, never source text."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class GeneratedSource:
    """The names that the generated code uses."""

    names: dict[str, Any] = field(default_factory=dict)
    temporaries: int = 0
    _known: dict[int, str] = field(default_factory=dict)
    """By identity of the values, which ``names`` keeps alive."""

    def constant(self, value: Any) -> str:
        """A name for a value."""
        name = self._known.get(id(value))
        if name is None:
            name = self._known[id(value)] = f"k{len(self.names)}"
            self.names[name] = value
        return name

    def temporary(self) -> str:
        """A new variable of the generated code."""
        self.temporaries += 1
        return f"t{self.temporaries}"
