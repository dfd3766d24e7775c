"""Recursive descent over CEL's grammar, with the limits of cel-go's parser.

cel-go refuses more than 250 nested grammar rules of one kind and more than 250 levels in the tree;
both are counted the same way here, so that a deep expression is refused where cel-go refuses it.
"""

from collections.abc import Callable
from typing import NamedTuple

from app.core.cel import literals
from app.core.cel.errors import CelCompileError
from app.core.cel.lexer import Token, tokenize
from app.core.cel.macros import expand
from app.core.cel.syntax import Call, Entry, Ident, ListLit, Literal, MapLit, MessageLit, Node, Select

MAX_CODE_POINTS = 100_000
MAX_DEPTH = 250

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

    node: Node
    height: int


def parse(text: str) -> Node:
    """Parses an expression and expands its macros. O(length).

    Raises:
        CelCompileError: a syntax error, or one of the limits.
    """
    if len(text) > MAX_CODE_POINTS:
        raise CelCompileError(
            f"expression code point size exceeds limit: size: {len(text)}, limit {MAX_CODE_POINTS}"
        )
    parser = _Parser(tokenize(text))
    tree = parser.expression()
    parser.expect("end")
    if tree.height > MAX_DEPTH:
        raise CelCompileError("max recursion depth exceeded")
    return tree.node


_KeyReader = Callable[[], tuple[object, int]]


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._nested = 0  # of rule expr
        self._relations = 0
        self._calcs = 0

    # Tokens

    def _peek(self) -> str:
        return self._tokens[self._at].kind

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _accept(self, kind: str) -> Token | None:
        return self._take() if self._tokens[self._at].kind == kind else None

    def expect(self, kind: str) -> Token:
        """Takes a token of this kind, or raises."""
        token = self._tokens[self._at]
        if token.kind != kind:
            raise self._unexpected(kind)
        return self._take()

    def _unexpected(self, wanted: str) -> CelCompileError:
        token = self._tokens[self._at]
        names = {"end": "the end of the expression", "name": "a name"}
        found = names.get(token.kind, repr(token.text)) if token.kind == "end" else repr(token.text)
        return CelCompileError(
            f"syntax error: found {found}, expected {names.get(wanted, repr(wanted))}", token.pos
        )

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
        question = self._accept("?")
        if question is not None:
            chosen = self._logical("||", "_||_")
            self.expect(":")
            other = self.expression()
            node = Call(question.pos, "_?_:_", None, (tree.node, chosen.node, other.node))
            tree = Tree(node, 1 + max(tree.height, chosen.height, other.height))
        self._nested -= 1
        return tree

    def _logical(self, op: str, function: str) -> Tree:
        operand = self._conjunction if op == "||" else self._relation
        first = operand()
        if self._peek() != op:
            return first
        terms, positions, height = [first.node], [], first.height
        while self._peek() == op:
            positions.append(self._take().pos)
            term = operand()
            terms.append(term.node)
            height = max(height, term.height)
        return Tree(_balanced(function, terms, positions, 0, len(positions) - 1), height)

    def _conjunction(self) -> Tree:
        return self._logical("&&", "_&&_")

    def _relation(self) -> Tree:
        self._relations = self._deeper(self._relations)
        tree = self._calc(1)
        while self._peek() in _RELATIONS:
            op = self._take()
            # The right side is a relation of its own to the grammar, one level deeper.
            self._relations = self._deeper(self._relations)
            right = self._calc(1)
            self._relations -= 1
            node = Call(op.pos, _FUNCTIONS[op.kind], None, (tree.node, right.node))
            tree = Tree(node, 1 + max(tree.height, right.height))
        self._relations -= 1
        return tree

    def _calc(self, lowest: int) -> Tree:
        self._calcs = self._deeper(self._calcs)
        tree = self._unary()
        while _PRECEDENCE.get(self._peek(), 0) >= lowest:
            op = self._take()
            right = self._calc(_PRECEDENCE[op.kind] + 1)
            node = Call(op.pos, _FUNCTIONS[op.kind], None, (tree.node, right.node))
            tree = Tree(node, 1 + max(tree.height, right.height))
        self._calcs -= 1
        return tree

    def _unary(self) -> Tree:
        op = self._peek()
        if op == "-" and self._tokens[self._at + 1].kind in ("int", "float"):
            return self._member()
        if op not in ("!", "-"):
            return self._member()
        first = self._take()
        count = 1
        while self._peek() == op:
            self._take()
            count += 1
        tree = self._member()
        if count % 2 == 0:
            return tree
        function = "!_" if op == "!" else "-_"
        return Tree(Call(first.pos, function, None, (tree.node,)), tree.height)

    # Members

    def _member(self) -> Tree:
        tree = self._primary()
        while True:
            kind = self._peek()
            if kind == ".":
                tree = self._selection(tree)
            elif kind == "[":
                tree = self._index(tree)
            else:
                return tree

    def _selection(self, operand: Tree) -> Tree:
        dot = self._take()
        optional = self._accept("?") is not None
        name = self._field_name()
        if not optional and name.kind == "name" and self._peek() == "(":
            opening = self._take()
            args, height = self._arguments()
            node = expand(opening.pos, name.text, operand.node, args)
            if node is None:
                node = Call(opening.pos, name.text, operand.node, args)
            return Tree(node, 1 + max(operand.height, height))
        field = name.text[1:-1] if name.kind == "quoted" else name.text
        if optional:
            selected: Node = Call(dot.pos, "_?._", None, (operand.node, Literal(name.pos, field)))
        else:
            selected = Select(dot.pos, operand.node, field)
        return Tree(selected, 1 + operand.height)

    def _field_name(self) -> Token:
        if self._peek() not in ("name", "quoted"):
            raise self._unexpected("name")
        return self._take()

    def _index(self, operand: Tree) -> Tree:
        opening = self._take()
        optional = self._accept("?") is not None
        index = self.expression()
        self.expect("]")
        node = Call(opening.pos, "_[?_]" if optional else "_[_]", None, (operand.node, index.node))
        return Tree(node, 1 + max(operand.height, index.height))

    def _arguments(self) -> tuple[tuple[Node, ...], int]:
        """Arguments up to the closing parenthesis, which is taken."""
        args: list[Node] = []
        height = 0
        if self._accept(")"):
            return (), 0
        while True:
            tree = self.expression()
            args.append(tree.node)
            height = max(height, tree.height)
            if self._accept(")"):
                return tuple(args), height
            self.expect(",")

    # Primaries

    def _primary(self) -> Tree:
        token = self._tokens[self._at]
        match token.kind:
            case "(":
                self._take()
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
                return Tree(self._literal(), 0)

    def _named(self) -> Tree:
        dot = self._accept(".")
        name = self.expect("name")
        message = self._message(dot, name)
        if message is not None:
            return message
        if name.text in _RESERVED:
            raise CelCompileError(f"reserved identifier: {name.text}", (dot or name).pos)
        full = f".{name.text}" if dot else name.text
        opening = self._accept("(")
        if opening is None:
            return Tree(Ident(name.pos, full), 0)
        args, height = self._arguments()
        node = expand(opening.pos, full, None, args)
        return Tree(node or Call(opening.pos, full, None, args), height)

    def _message(self, dot: Token | None, name: Token) -> Tree | None:
        """``a.b.C{...}``, if that is what follows the name."""
        ahead = self._at
        names = [name.text]
        while self._tokens[ahead].kind == "." and self._tokens[ahead + 1].kind == "name":
            names.append(self._tokens[ahead + 1].text)
            ahead += 2
        if self._tokens[ahead].kind != "{":
            return None
        self._at = ahead
        opening = self._take()
        entries, height = self._entries(self._message_field)
        full = ("." if dot else "") + ".".join(names)
        return Tree(MessageLit(opening.pos, full, entries), height)

    def _list(self) -> Tree:
        opening = self._take()
        items: list[Node] = []
        optional: set[int] = set()
        height = 0
        while not self._accept("]"):
            if self._peek() == "," and self._tokens[self._at + 1].kind == "]" and not items:
                self._take()
                continue
            if self._accept("?"):
                optional.add(len(items))
            tree = self.expression()
            items.append(tree.node)
            height = max(height, tree.height)
            if self._peek() != "]":
                self.expect(",")
        return Tree(ListLit(opening.pos, tuple(items), frozenset(optional)), height)

    def _map(self) -> Tree:
        opening = self._take()
        entries, height = self._entries(self._map_key)
        return Tree(MapLit(opening.pos, entries), height)

    def _entries(self, read_key: _KeyReader) -> tuple[tuple[Entry, ...], int]:
        entries: list[Entry] = []
        height = 0
        while not self._accept("}"):
            if self._peek() == "," and self._tokens[self._at + 1].kind == "}" and not entries:
                self._take()
                continue
            optional = self._accept("?") is not None
            key, key_height = read_key()
            colon = self.expect(":")
            value = self.expression()
            entries.append(Entry(colon.pos, key, value.node, optional))
            height = max(height, key_height, value.height)
            if self._peek() != "}":
                self.expect(",")
        return tuple(entries), height

    def _map_key(self) -> tuple[object, int]:
        tree = self.expression()
        return tree.node, tree.height

    def _message_field(self) -> tuple[object, int]:
        name = self._field_name()
        return (name.text[1:-1] if name.kind == "quoted" else name.text), 0

    def _literal(self) -> Literal:
        sign = self._accept("-")
        token = self._tokens[self._at]
        if token.kind not in _LITERALS or (sign and token.kind not in ("int", "float")):
            raise self._unexpected("an expression")
        self._take()
        pos = (sign or token).pos
        match token.kind:
            case "int":
                return Literal(pos, literals.read_int(token, "-" if sign else ""))
            case "uint":
                return Literal(pos, literals.read_uint(token))
            case "float":
                return Literal(pos, literals.read_double(token, "-" if sign else ""))
            case "string":
                return Literal(pos, literals.read_string(token))
            case "bytes":
                return Literal(pos, literals.read_bytes(token))
            case _:
                return Literal(pos, {"true": True, "false": False, "null": None}[token.kind])


_LITERALS = frozenset({"int", "uint", "float", "string", "bytes", "true", "false", "null"})


def _balanced(function: str, terms: list[Node], positions: list[int], low: int, high: int) -> Node:
    """A balanced tree of a chain of && or ||, so that a long chain is not a deep one."""
    middle = (low + high + 1) // 2
    left = terms[middle] if middle == low else _balanced(function, terms, positions, low, middle - 1)
    right = terms[middle + 1] if middle == high else _balanced(function, terms, positions, middle + 1, high)
    return Call(positions[middle], function, None, (left, right))
