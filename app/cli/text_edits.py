"""Edits YAML and JSON text, and leaves all other characters unchanged.

Places are offsets in characters. A mapping is in block style (an entry begins a line) or in flow style
(``{a: b}``, which JSON is too).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import yaml

STEP = 2
"""Columns by which what is nested is indented."""
_COMMENT = re.compile(r"#[^\n]*")
_ALIAS = re.compile(r"\s*\*[^\s,\]}]+")

Entry = tuple[yaml.Node, yaml.Node]


class EditError(ValueError):
    """A form of YAML that does not allow the edit without other changes."""


@dataclass(slots=True)
class TextEdits:
    """A text and its edits, which must not overlap."""

    text: str
    _edits: list[tuple[int, int, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._edits)

    def result(self) -> str:
        """The text with all changes made. Raises: EditError; two changes are about the same place."""
        parts, end = [], 0
        for start, stop, new in sorted(self._edits, key=lambda edit: edit[:2]):
            if start < end:
                raise EditError("several edits overlap")
            parts += [self.text[end:start], new]
            end = stop
        return "".join([*parts, self.text[end:]])

    def replace_scalar(self, node: yaml.ScalarNode, value: str) -> None:
        """Another value in the same quotes; a value where there is none."""
        start, end = node.start_mark.index, node.end_mark.index
        if start == end:
            self._change(start, end, f" {value}")
        else:
            quote = node.style if node.style in ("'", '"') else ""
            self._change(start, end, f"{quote}{value}{quote}")

    def insert_first(self, owner: yaml.MappingNode, name: str, value: str) -> None:
        """A new entry before the first one."""
        key = owner.value[0][0]
        begin, quote = key.start_mark.index, self._quote(key)
        entry = f"{quote}{name}{quote}: {quote}{value}{quote}"
        rest = ", " if owner.flow_style else f"{self._newline()}{' ' * key.start_mark.column}"
        self._change(begin, begin, entry + rest)

    def append_empty(self, owner: yaml.MappingNode, name: str) -> None:
        """A new entry after the last one: an empty mapping."""
        key, end = owner.value[0][0], self._end(owner.value[-1])
        quote = self._quote(key)
        before = ", "
        if not owner.flow_style:
            line_end = self.text.find("\n", end)
            end = len(self.text[: line_end if line_end >= 0 else None].removesuffix("\r"))
            before = f"{self._newline()}{' ' * key.start_mark.column}"
        self._change(end, end, f"{before}{quote}{name}{quote}: {{}}")

    def remove(self, owner: yaml.MappingNode, name: str) -> None:
        """An entry without its value."""
        at = _position(owner, name)
        entry = owner.value[at]
        if not owner.flow_style:
            if self._on_dash_line(entry[0]):
                raise EditError(f"{name} begins an item of a list")
            self._change(self._line(entry[0].start_mark.index), self._end_of_lines(entry), "")
        elif at:
            self._change(self._end(owner.value[at - 1]), self._end(entry), "")
        else:
            stop = owner.value[1][0].start_mark.index if len(owner.value) > 1 else self._end(entry)
            self._change(entry[0].start_mark.index, stop, "")

    def nest(self, owner: yaml.MappingNode, names: Sequence[str], under: str) -> None:
        """Moves entries into a new entry ``under``, which stands where the first of them is now."""
        places = [at for at, (key, _) in enumerate(owner.value) if key.value in names]
        runs = list(_runs(places))
        if not runs:
            raise EditError(f"{names[0]} is an alias")
        if owner.flow_style:
            self._nest_in_flow(owner, runs, under)
        else:
            self._nest_in_block(owner, runs, under)

    def lift(self, owner: yaml.MappingNode, name: str) -> None:
        """Puts the entries of an inner mapping in the place of the entry that holds it."""
        key, inner = owner.value[_position(owner, name)]
        if not isinstance(inner, yaml.MappingNode) or inner.start_mark.index < key.start_mark.index:
            raise EditError(f"{name} is an alias")
        if not inner.value:
            self.remove(owner, name)
        elif owner.flow_style:
            self._lift_in_flow(key, inner)
        elif inner.flow_style:
            self._lift_flow(key, inner)
        else:
            self._lift_block(key, inner)

    def _nest_in_flow(self, owner: yaml.MappingNode, runs: list[range], under: str) -> None:
        first, *others = runs
        begin = owner.value[first[0]][0]
        quote = self._quote(begin)
        self._change(begin.start_mark.index, begin.start_mark.index, f"{quote}{under}{quote}: {{")
        moved = ""
        for run in others:
            start, stop = self._end(owner.value[run[0] - 1]), self._end(owner.value[run[-1]])
            moved += self.text[start:stop]
            self._change(start, stop, "")
        end = self._end(owner.value[first[-1]])
        self._change(end, end, f"{moved}}}")

    def _nest_in_block(self, owner: yaml.MappingNode, runs: list[range], under: str) -> None:
        first, *others = runs
        begin = owner.value[first[0]][0].start_mark
        indent = " " * (begin.column + STEP)
        self._change(begin.index, begin.index, f"{under}:{self._newline()}{indent}")
        end = self._end_of_lines(owner.value[first[-1]])
        self._shift(self._next_line(begin.index), end, STEP)
        moved = ""
        for run in others:
            start = self._with_comments(owner.value[run[0]][0].start_mark.index)
            stop = self._end_of_lines(owner.value[run[-1]])
            moved += self._shifted(start, stop, STEP)
            self._change(start, stop, "")
        if moved:
            self._change(end, end, moved if moved.endswith("\n") else f"{moved}{self._newline()}")

    def _lift_in_flow(self, key: yaml.Node, inner: yaml.MappingNode) -> None:
        begin, end = inner.start_mark.index, inner.end_mark.index
        self._change(key.start_mark.index, begin + 1, "")
        last = self._end(inner.value[-1])
        comma = self.text.find(",", last, end - 1)  # one that ends the last entry
        self._change(
            last if comma < 0 else comma, end, self.text[last if comma < 0 else comma + 1 : end - 1].rstrip()
        )

    def _lift_flow(self, key: yaml.Node, inner: yaml.MappingNode) -> None:
        """A flow mapping in a block mapping: a line for each of its entries."""
        lines = []
        for at, entry in enumerate(inner.value):
            start, stop = entry[0].start_mark.index, self._end(entry)
            following = inner.value[at + 1][0].start_mark.index if at + 1 < len(inner.value) else None
            gap = self.text[stop : following if following is not None else inner.end_mark.index - 1]
            comments = " ".join(_COMMENT.findall(gap))
            lines.append(f"{self.text[start:stop]}{f' {comments}' if comments else ''}")
        joint = f"{self._newline()}{' ' * key.start_mark.column}"
        self._change(key.start_mark.index, inner.end_mark.index, joint.join(lines))

    def _lift_block(self, key: yaml.Node, inner: yaml.MappingNode) -> None:
        begin, first = key.start_mark, inner.value[0][0].start_mark
        step = first.column - begin.column
        line = self._line(first.index)
        between = self._shifted(self._next_line(begin.index), line, -step)
        if self._on_dash_line(key) and between.strip():
            # The comments between cannot stand between the dash and the first entry.
            self._change(self._line(begin.index), self._line(begin.index), between)
            between = ""
        self._change(begin.index if self._on_dash_line(key) else self._line(begin.index), first.index,
                     between + ("" if self._on_dash_line(key) else " " * begin.column))  # fmt: skip
        self._shift(self._next_line(first.index), self._end_of_lines(inner.value[-1]), -step)

    def _change(self, start: int, stop: int, new: str) -> None:
        self._edits.append((start, stop, new))

    def _shift(self, start: int, stop: int, step: int) -> None:
        """Indents the lines from one offset, where a line begins, to another."""
        while start < stop:
            after = min(self._next_line(start), stop)
            old = self.text[start:after]
            if new := _indented(old, step) if old.strip() else "":
                blanks = len(old) - len(old.lstrip(" "))
                self._change(start, start + blanks, new[: len(new) - len(new.lstrip(" "))])
            start = after

    def _shifted(self, start: int, stop: int, step: int) -> str:
        lines = self.text[start:stop].splitlines(keepends=True)
        return "".join(_indented(line, step) if line.strip() else line for line in lines)

    def _end(self, entry: Entry) -> int:
        """Where the value of an entry ends; comments and line ends after it do not count."""
        key, value = entry
        if value.start_mark.index < key.start_mark.index:
            return self._end_of_alias(key)
        return self._end_of(value)

    def _end_of(self, node: yaml.Node) -> int:
        end: int = node.end_mark.index
        if isinstance(node, yaml.ScalarNode):
            return (
                max(node.start_mark.index, len(self.text[:end].rstrip())) if node.style in ("|", ">") else end
            )
        if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
            return end
        last = node.value[-1]
        if isinstance(last, tuple):
            return self._end(last)
        if last.start_mark.index < node.start_mark.index:
            raise EditError("an alias ends a list")
        return self._end_of(last)

    def _end_of_alias(self, key: yaml.Node) -> int:
        colon = self.text.index(":", key.end_mark.index) + 1
        found = _ALIAS.match(self.text, colon)
        if found is None:
            raise EditError(f"{key.value} is an alias of something else")
        return found.end()

    def _end_of_lines(self, entry: Entry) -> int:
        """The offset after the last line of an entry, with a comment that stands in that line."""
        return self._next_line(max(entry[0].start_mark.index, self._end(entry) - 1))

    def _line(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def _next_line(self, at: int) -> int:
        found = self.text.find("\n", at)
        return len(self.text) if found < 0 else found + 1

    def _on_dash_line(self, key: yaml.Node) -> bool:
        start = key.start_mark.index
        return bool(self.text[self._line(start) : start].strip())

    def _with_comments(self, at: int) -> int:
        """The offset of the first of the comment lines directly above a line."""
        start = self._line(at)
        while start and self.text[self._line(start - 1) : start].lstrip().startswith("#"):
            start = self._line(start - 1)
        return start

    def _newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def _quote(self, key: yaml.Node) -> str:
        """What JSON needs around names: as the key beside has it."""
        return '"' if isinstance(key, yaml.ScalarNode) and key.style == '"' else ""


def _position(owner: yaml.MappingNode, name: str) -> int:
    found = next((at for at, (key, _) in enumerate(owner.value) if key.value == name), None)
    if found is None:
        raise EditError(f"{name} is an alias")
    return found


def _runs(places: Sequence[int]) -> Iterator[range]:
    """Numbers in rising order as ranges without gaps."""
    start = 0
    for at in range(1, len(places) + 1):
        if at == len(places) or places[at] != places[at - 1] + 1:
            yield range(places[start], places[at - 1] + 1)
            start = at


def _indented(line: str, step: int) -> str:
    if step > 0:
        return " " * step + line
    blanks = len(line) - len(line.lstrip(" "))
    return line[min(-step, blanks) :]
