"""Recursive descent over CEL's grammar, with the limits of cel-go's parser.

cel-go refuses more than 250 nested grammar rules of one kind and more than 250 levels in the tree;
both are counted the same way here, so that a deep expression is refused where cel-go refuses it.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from app.core.cel.common.ast import Call, Entry, Expr, Ident, ListLit, Literal, MapLit, MessageLit, Select
from app.core.cel.common.errors import CelCompileError
from app.core.cel.parser.cursor import Cursor
from app.core.cel.parser.lexer import Token, scan
from app.core.cel.parser.macros import expand
from app.core.pauses import pause

MAX_CODE_POINTS = 100_000
MAX_DEPTH = 250
_NODE_COST = 50
"""What compiling a node is worth in units of evaluation: some 10 us."""

_RELATIONS = frozenset({"<", "<=", ">=", ">", "==", "!=", "in"})
_PRECEDENCE = {"*": 2, "/": 2, "%": 2, "+": 1, "-": 1}
_FUNCTIONS = {
    "<": "_<_", "<=": "_<=_", ">=": "_>=_", ">": "_>_", "==": "_==_", "!=": "_!=_", "in": "@in",
    "*": "_*_", "/": "_/_", "%": "_%_", "+": "_+_", "-": "_-_",
}  # fmt: skip
_RESERVED = frozenset({
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let",
    "loop", "package", "namespace", "null", "return", "true", "var", "void", "while",
})  # fmt: skip


class Tree(NamedTuple):
    """A node and how many levels cel-go counts in it."""

    node: Expr
    height: int


def _tree(node: Expr, height: int) -> Tree:
    # The root is at least as high: an expression that is too deep is not read to its end.
    if height > MAX_DEPTH:
        raise CelCompileError("max recursion depth exceeded", node.pos)
    return Tree(node, height)


def parse(text: str) -> Expr:
    """Parses an expression and expands its macros. O(length).

    Raises:
        CelCompileError: a syntax error, or one of the limits.
    """
    if len(text) > MAX_CODE_POINTS:
        raise CelCompileError(
            f"expression code point size exceeds limit: size: {len(text)}, limit {MAX_CODE_POINTS}"
        )
    parser = _Parser(scan(text))
    tree = parser.expression()
    parser.expect("end")
    return tree.node


_KeyReader = Callable[[], tuple[object, int]]


class _Parser(Cursor):
    def __init__(self, tokens: Iterator[Token]) -> None:
        super().__init__(tokens)
        self._nested = 0  # of rule expr
        self._relations = 0
        self._calcs = 0

    @staticmethod
    def _deeper(depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise CelCompileError(f"expression recursion limit exceeded: {MAX_DEPTH}")
        return depth + 1

    # Operators

    def expression(self) -> Tree:
        """expr: a disjunction, or a conditional."""
        self._nested = self._deeper(self._nested)
        tree = self._logical("||", "_||_")
        evaluation = self.accept("?")
        if evaluation is not None:
            chosen = self._logical("||", "_||_")
            self.expect(":")
            other = self.expression()
            node = Call(evaluation.pos, "_?_:_", None, (tree.node, chosen.node, other.node))
            tree = _tree(node, 1 + max(tree.height, chosen.height, other.height))
        self._nested -= 1
        return tree

    def _logical(self, op: str, function: str) -> Tree:
        operand = self._conjunction if op == "||" else self._relation
        first = operand()
        if self.peek() != op:
            return first
        terms, positions, height = [first.node], [], first.height
        while self.peek() == op:
            positions.append(self.take().pos)
            term = operand()
            terms.append(term.node)
            height = max(height, term.height)
        return _tree(_balanced(function, terms, positions, 0, len(positions) - 1), height)

    def _conjunction(self) -> Tree:
        return self._logical("&&", "_&&_")

    def _relation(self) -> Tree:
        self._relations = self._deeper(self._relations)
        tree = self._calc(1)
        while self.peek() in _RELATIONS:
            op = self.take()
            # The right side is a separate relation in the grammar, one level deeper.
            self._relations = self._deeper(self._relations)
            right = self._calc(1)
            self._relations -= 1
            node = Call(op.pos, _FUNCTIONS[op.kind], None, (tree.node, right.node))
            tree = _tree(node, 1 + max(tree.height, right.height))
        self._relations -= 1
        return tree

    def _calc(self, lowest: int) -> Tree:
        self._calcs = self._deeper(self._calcs)
        tree = self._unary()
        while _PRECEDENCE.get(self.peek(), 0) >= lowest:
            op = self.take()
            right = self._calc(_PRECEDENCE[op.kind] + 1)
            node = Call(op.pos, _FUNCTIONS[op.kind], None, (tree.node, right.node))
            tree = _tree(node, 1 + max(tree.height, right.height))
        self._calcs -= 1
        return tree

    def _unary(self) -> Tree:
        op = self.peek()
        if op == "-" and self.peek(1) in ("int", "float"):
            return self._member()
        if op not in ("!", "-"):
            return self._member()
        first = self.take()
        count = 1
        while self.peek() == op:
            self.take()
            count += 1
        tree = self._member()
        if count % 2 == 0:
            return tree
        function = "!_" if op == "!" else "-_"
        return _tree(Call(first.pos, function, None, (tree.node,)), tree.height)

    # Members

    def _member(self) -> Tree:
        pause(_NODE_COST)
        tree = self._primary()
        while True:
            kind = self.peek()
            if kind == ".":
                tree = self._selection(tree)
            elif kind == "[":
                tree = self._index(tree)
            else:
                return tree

    def _selection(self, operand: Tree) -> Tree:
        dot = self.take()
        optional = self.accept("?") is not None
        name = self._field_name()
        if not optional and name.kind == "name" and self.peek() == "(":
            opening = self.take()
            args, height = self._arguments()
            node = expand(opening.pos, name.text, operand.node, args)
            if node is None:
                node = Call(opening.pos, name.text, operand.node, args)
            return _tree(node, 1 + max(operand.height, height))
        field = name.text[1:-1] if name.kind == "quoted" else name.text
        if optional:
            selected: Expr = Call(dot.pos, "_?._", None, (operand.node, Literal(name.pos, field)))
        else:
            selected = Select(dot.pos, operand.node, field)
        return _tree(selected, 1 + operand.height)

    def _field_name(self) -> Token:
        if self.peek() not in ("name", "quoted"):
            raise self.unexpected("name")
        return self.take()

    def _index(self, operand: Tree) -> Tree:
        opening = self.take()
        optional = self.accept("?") is not None
        index = self.expression()
        self.expect("]")
        node = Call(opening.pos, "_[?_]" if optional else "_[_]", None, (operand.node, index.node))
        return _tree(node, 1 + max(operand.height, index.height))

    def _arguments(self) -> tuple[tuple[Expr, ...], int]:
        """Arguments up to the closing parenthesis, which is taken."""
        args: list[Expr] = []
        height = 0
        if self.accept(")"):
            return (), 0
        while True:
            tree = self.expression()
            args.append(tree.node)
            height = max(height, tree.height)
            if self.accept(")"):
                return tuple(args), height
            self.expect(",")

    # Primaries

    def _primary(self) -> Tree:
        match self.peek():
            case "(":
                self.take()
                tree = self.expression()
                self.expect(")")
                return tree
            case "[":
                return self._list()
            case "{":
                return self._map()
            case "name" | ".":
                return self._named()
            case _:
                return _tree(self.literal(), 0)

    def _named(self) -> Tree:
        dot = self.accept(".")
        name = self.expect("name")
        message = self._message(dot, name)
        if message is not None:
            return message
        if name.text in _RESERVED:
            raise CelCompileError(f"reserved identifier: {name.text}", (dot or name).pos)
        full = f".{name.text}" if dot else name.text
        opening = self.accept("(")
        if opening is None:
            return _tree(Ident(name.pos, full), 0)
        args, height = self._arguments()
        node = expand(opening.pos, full, None, args)
        return _tree(node or Call(opening.pos, full, None, args), height)

    def _message(self, dot: Token | None, name: Token) -> Tree | None:
        """``a.b.C{...}``, if that is what follows the name."""
        ahead = 0
        while self.peek(ahead) == "." and self.peek(ahead + 1) == "name":
            ahead += 2
        if self.peek(ahead) != "{":
            return None
        names = [name.text, *(token.text for token in self.skip(ahead) if token.kind == "name")]
        opening = self.take()
        entries, height = self._entries(self._message_field)
        full = ("." if dot else "") + ".".join(names)
        return _tree(MessageLit(opening.pos, full, entries), height)

    def _list(self) -> Tree:
        opening = self.take()
        items: list[Expr] = []
        optional: set[int] = set()
        height = 0
        while not self.accept("]"):
            if self.peek() == "," and self.peek(1) == "]" and not items:
                self.take()
                continue
            if self.accept("?"):
                optional.add(len(items))
            tree = self.expression()
            items.append(tree.node)
            height = max(height, tree.height)
            if self.peek() != "]":
                self.expect(",")
        return _tree(ListLit(opening.pos, tuple(items), frozenset(optional)), height)

    def _map(self) -> Tree:
        opening = self.take()
        entries, height = self._entries(self._map_key)
        return _tree(MapLit(opening.pos, entries), height)

    def _entries(self, read_key: _KeyReader) -> tuple[tuple[Entry, ...], int]:
        entries: list[Entry] = []
        height = 0
        while not self.accept("}"):
            if self.peek() == "," and self.peek(1) == "}" and not entries:
                self.take()
                continue
            optional = self.accept("?") is not None
            key, key_height = read_key()
            colon = self.expect(":")
            value = self.expression()
            entries.append(Entry(colon.pos, key, value.node, optional))
            height = max(height, key_height, value.height)
            if self.peek() != "}":
                self.expect(",")
        return tuple(entries), height

    def _map_key(self) -> tuple[object, int]:
        tree = self.expression()
        return tree.node, tree.height

    def _message_field(self) -> tuple[object, int]:
        name = self._field_name()
        return (name.text[1:-1] if name.kind == "quoted" else name.text), 0


def _balanced(function: str, terms: list[Expr], positions: list[int], low: int, high: int) -> Expr:
    """A balanced tree of a chain of && or ||, so that a long chain is not a deep one."""
    middle = (low + high + 1) // 2
    left = terms[middle] if middle == low else _balanced(function, terms, positions, low, middle - 1)
    right = terms[middle + 1] if middle == high else _balanced(function, terms, positions, middle + 1, high)
    return Call(positions[middle], function, None, (left, right))
