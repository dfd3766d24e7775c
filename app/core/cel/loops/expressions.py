"""Expressions inside comprehensions as Python statements, with the costs that cel-go charges for them."""

from app.core.cel.common.ast import Call, Fold, Ident, ListLit, Literal, MapLit, Node, Select
from app.core.cel.interpreter.calls import prepared
from app.core.cel.loops.aggregates import Values, can_be_made
from app.core.cel.loops.runtime import fail
from app.core.cel.loops.static_facts import EQUALITIES, LOGIC, LOOPS, Value

_MAX_LINES = 400
# Python nests 20 blocks.
_MAX_BLOCKS, _MAX_BLOCKS_OUTSIDE = 12, 9
_SELECTIONS = frozenset({"_[_]", "_[?_]", "_?._"})


class Expressions(Values):
    """Writes the parts of comprehensions. What has no form in Python is a step of the interpreter."""

    def loop(self, node: Fold) -> Value:
        """Writes a comprehension; gives its value."""
        raise NotImplementedError

    def value(self, node: Node) -> Value:  # one case for a kind of node
        """Writes a node with its costs."""
        fixed = self.terms.fixed(node)
        if fixed is not None:
            self.pending += fixed
            return self.pure(node)
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, Fold) and not self._is_deep(_MAX_BLOCKS_OUTSIDE):
            if node.macro in LOOPS:
                return self.loop(node)
            if self.is_bound(node):
                return self.bound(node)
        elif isinstance(node, ListLit | MapLit) and can_be_made(node) and not self._is_deep(_MAX_BLOCKS):
            return self.list_of(node) if isinstance(node, ListLit) else self.map_of(node)
        return self.delegated(node)

    def _call(self, node: Call) -> Value:  # noqa: PLR0911 - one case for a kind of call
        if (self.keeps_calls and not self.reads(node)) or self._is_deep(_MAX_BLOCKS):
            return self.delegated(node)
        if node.function in LOGIC:
            return self._logic(node)
        if node.function == "_?_:_":
            return self._conditional(node)
        if self.terms.is_index(node):
            return self.index(node)
        if node.function in ("or", "orValue"):
            return self.or_value(node)
        if self.terms.is_strict(node):
            return self._strict(node)
        if self.terms.is_sequence(node):
            return self._sequence(node)
        return self.delegated(node)

    def _is_deep(self, blocks: int) -> bool:
        return self.blocks > blocks or len(self.lines) > _MAX_LINES

    def pure(self, node: Node) -> Value:
        """A node of fixed cost, which is charged already."""
        match node:
            case Literal():
                return self.constant(node.value)
            case Ident():
                return self.constant(node.constant) if node.constant is not None else self.variable(node)
            case Call():
                return self.applied(node, [self.pure(operand) for operand in node.operands()])
            case _:
                raise AssertionError(node)

    def variable(self, node: Ident) -> Value:
        """The Python variable of one of the loops' names."""
        found = self.find(node.name)
        if found is None:
            raise AssertionError(node)
        if found.failed:
            self.flush()
            self.line(f"if {found.failed} is not None: raise {found.failed}")
        return found

    def _strict(self, node: Call) -> Value:
        """A call of one or two operands: each is evaluated, the call is charged, then a failure counts."""
        operands = node.operands()
        parts = [self.terms.fixed(operand) for operand in operands]
        if self.terms.costs_one(node):
            if len(operands) == 1:
                self.pending += 1
                return self.applied(node, [self.value(operands[0])])
            if parts[1] is not None:
                self.pending += 1 + parts[1]
                return self.applied(node, [self.value(operands[0]), self.pure(operands[1])])
            if parts[0] is not None and self.terms.safe(operands[0]):
                self.pending += 1 + parts[0]
                return self.applied(node, [self.pure(operands[0]), self.value(operands[1])])
        failed = None
        if not all(self.terms.safe(operand) for operand in operands):
            failed = self.source.temporary()
            self.flush()
            self.line(f"{failed} = None")
        args = [self._caught(operand, failed) for operand in operands]
        self.flush()
        if node.function in EQUALITIES:
            return self.equality(node, args, failed)
        self.charged(node, args, failed)
        return self.applied(node, args)

    def _sequence(self, node: Call) -> Value:
        """A call that ends with the first operand that fails; after the last, it is charged all the same."""
        *before, last = node.operands()
        run = prepared(node, self.planner.plan)
        args = []
        for operand in before:
            args.append(self.value(operand))
            self.flush()
        failed = None
        if not self.terms.safe(last):
            failed = self.source.temporary()
            self.line(f"{failed} = None")
        args.append(self._caught(last, failed))
        self.flush()
        self.charged(node, args, failed)
        return self.called(node, args, run)

    def _caught(self, node: Node, failed: str | None) -> Value:
        """An operand; where it fails it is None, and the first failure is kept."""
        if failed is None or self.terms.safe(node):
            return self.value(node)
        self.flush()
        result = self.source.temporary()
        with self.block("try:"):
            value = self.value(node)
            self.flush()
            self.line(f"{result} = {value.code}")
        with self.block("except EvalError as error:"):
            self.line(f"{result} = None")
            self.line(f"{failed} = {failed} or error")
        return Value(result, value.kind, unsure=True)

    # Logic

    def checked(self, value: Value, pos: int) -> str:
        """The code of a value that must be bool."""
        if value.kind == "bool":
            return value.code
        self.flush()
        code = self.assigned(value.code, "any").code
        self.line(f"if {code} is not True and {code} is not False: {self.source.constant(fail)}({pos})")
        return code

    def _logic(self, node: Call) -> Value:
        left, right = node.args
        going = "if {}:" if node.function == "_&&_" else "if not {}:"
        result = self.source.temporary()
        failed = None
        if self.terms.safe(left) and self.terms.kind(left) == "bool":
            code = self.value(left).code
            self.flush()
            self.line(f"{result} = {code}")
        else:
            failed = self.source.temporary()
            self.flush()
            self.line(f"{failed} = None")
            with self.block("try:"):
                code = self.checked(self.value(left), node.pos)
                self.flush()
                self.line(f"{result} = {code}")
            with self.block("except EvalError as error:"):
                self.line(f"{failed} = error")
                self.line(f"{result} = {node.function == '_&&_'}")
        with self.block(going.format(result)):
            code = self.checked(self.value(right), node.pos)
            self.flush()
            self.line(f"{result} = {code}")
            if failed is not None:
                with self.block(going.format(result)):
                    self.line(f"if {failed} is not None: raise {failed}")
        return Value(result, "bool")

    def _conditional(self, node: Call) -> Value:
        condition = self.checked(self.value(node.args[0]), node.pos)
        result, kinds = self.source.temporary(), set()
        for head, branch in ((f"if {condition}:", node.args[1]), ("else:", node.args[2])):
            with self.block(head):
                found = self._branch(branch)
                self.flush()
                self.line(f"{result} = {found.code}")
                kinds.add(found.kind)
        return Value(result, kinds.pop() if len(kinds) == 1 else "any")

    def _branch(self, node: Node) -> Value:
        # A name or selection is resolved as a part of the conditional: the name costs nothing.
        if isinstance(node, Ident) and node.constant is None and self.terms.safe(node):
            return self.variable(node)
        selection = (
            node.function in _SELECTIONS if isinstance(node, Call) else isinstance(node, Select | Ident)
        )
        if selection and not (isinstance(node, Ident) and node.constant is not None):
            return self.delegated(node, branch=True)
        return self.value(node)
