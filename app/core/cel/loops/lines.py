"""Statements of the function that comprehensions become, and the cost that is still to be added."""

from typing import Any

from app.core.cel.common.generated_source import Source
from app.core.cel.loops.static_facts import Value, kind_of_constant


class Lines:
    """Collects statements. In them ``c`` is the cost so far, ``L`` that of the next pause."""

    def __init__(self) -> None:
        self.source = Source()
        self.lines: list[str] = []
        self.prologue: list[str] = []
        self.pending = 0
        self.blocks = 1

    def line(self, text: str) -> None:
        self.lines.append(" " * (self.blocks + 3) + text)

    def flush(self) -> None:
        if self.pending:
            self.line(f"c += {self.pending}")
            self.pending = 0

    def block(self, head: str) -> "Block":
        self.flush()
        self.line(head)
        return Block(self)

    def constant(self, value: Any) -> Value:
        return Value(self.source.constant(value), kind_of_constant(value), constant=True)

    def assigned(self, code: str, kind: str) -> Value:
        variable = self.source.temporary()
        self.line(f"{variable} = {code}")
        return Value(variable, kind)

    def raising(self, code: str, kind: str, pos: int) -> Value:
        """Assigns what may fail."""
        variable = self.source.temporary()
        with self.block("try:"):
            self.line(f"{variable} = {code}")
        with self.block("except EvalError as error:"):
            self.line(f"raise located(error, {pos}) from None")
        return Value(variable, kind)


class Block:
    """Indents what is written inside."""

    def __init__(self, writer: Lines) -> None:
        self._writer = writer

    def __enter__(self) -> None:
        self._writer.blocks += 1

    def __exit__(self, *_details: object) -> None:
        self._writer.blocks -= 1
