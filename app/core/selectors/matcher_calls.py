"""Python expressions for the calls of a selector; see ``matcher_terms`` for what they are made of."""

from typing import Any

from app.core.cel.common.ast import Call, Expr, Fold, Ident, ListLit, Literal, Select, children
from app.core.cel.common.declarations import overloads
from app.core.cel.common.errors import EvalError
from app.core.cel.interpreter.calls import constant_set
from app.core.cel.interpreter.constants import literal_values
from app.core.cel.library.dispatch import implementation
from app.core.cel.values.quantities import parse_quantity
from app.core.cel.values.semver import parse_semver
from app.core.pauses import pause
from app.core.selectors import matcher_operators, matcher_runtime
from app.core.selectors.generated_source import GeneratedSource
from app.core.selectors.matcher_terms import Binding, DeclinedError, DevicePath, Scope, Term, path_of

_KINDS: dict[type, str] = {str: "str", int: "int", bool: "bool"}
_RESULTS = {"bool": "bool", "int": "int", "string": "str", "kubernetes.Quantity": "any"}
# The interpreter evaluates what cel-go folds, counts or cannot hold in some special way.
_MAX_DEPTH = 40
_MAX_TERMS = 2000
_DECLINED = frozenset({
    "sort", "@sortByAssociatedKeys", "distinct", "flatten", "cel.@mapInsert", "or", "optional.of",
    "optional.none", "optional.ofNonZeroValue", "find", "findAll", "type", "dyn",
})  # fmt: skip


class TermWriter:
    """Writes terms, and collects the names that they use."""

    def __init__(self, variants: frozenset[str] = frozenset()) -> None:
        self._variants = variants
        self.source = GeneratedSource()
        self.scope: Scope = {}
        self._operand = 0
        self._depth = 0
        self._written = 0

    def _name(self, value: Any) -> str:
        return self.source.constant(value)

    def boolean(self, node: Expr) -> Term:
        """A term that is True or False, or fails."""
        term = self.term(node)
        if term.kind == "bool":
            return term
        value = self.source.temporary()
        test = f"({value} := {term.code}) is True or {value} is False"
        return Term(f"({value} if {test} else {matcher_operators.failing(self.source)})", "bool")

    def term(self, node: Expr) -> Term:
        """The node as a Python expression.

        Raises:
            DeclinedError: this part is the interpreter's.
        """
        # Python nests 200 parentheses; and a bound name is written out wherever it is used.
        pause()
        self._written += 1
        if self._depth >= _MAX_DEPTH or self._written > _MAX_TERMS:
            raise DeclinedError
        self._depth += 1
        try:
            return self._term(node)
        finally:
            self._depth -= 1

    def _term(self, node: Expr) -> Term:
        match node:
            case Literal():
                return self._constant(node.value)
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case Fold():
                return self._fold(node)
            case _:
                raise DeclinedError

    def _constant(self, value: Any) -> Term:
        return Term(
            self._name(value), _KINDS.get(value.__class__, "any"), safe=True, constant=True, value=value
        )

    # Names and paths

    def _ident(self, node: Ident) -> Term:
        binding = self.scope.get(node.name)
        if binding is None or node.constant is not None:
            raise DeclinedError
        if binding.term is not None:
            return binding.term
        if binding.node is None or binding.scope is None:
            raise DeclinedError
        outer, self.scope = self.scope, binding.scope
        try:
            return self.term(binding.node)
        finally:
            self.scope = outer

    def _path(self, node: Expr) -> DevicePath | None:
        return path_of(node, self.scope)

    def _select(self, node: Select) -> Term:
        if node.test_only:
            return self._has(self._path(node.operand), node.field)
        path = self._path(node)
        if path is None or path.optional:
            raise DeclinedError
        return self._at(path)

    def _at(self, path: DevicePath) -> Term:
        match path.parts:
            case ("driver",):
                return Term("v.driver", "str", safe=True)
            case ("allowMultipleAllocations",):
                return Term("v.shared", "bool", safe=True)
            case ("attributes", _, _):
                return Term(f"A[{self._name(path.full_name)}]", "attribute")
            case ("capacity", _, _):
                return Term(f"v.amounts[{self._name(path.full_name)}]", "quantity")
            case ("attributes", domain):
                return Term(f"v.attributes.find({self._name(domain)})[0]", "any", safe=True)
            case _:
                raise DeclinedError

    def _has(self, domain: DevicePath | None, name: str) -> Term:
        if domain is None or len(domain.parts) != 2 or domain.optional:
            raise DeclinedError
        held = "A" if domain.parts[0] == "attributes" else "v.amounts"
        return Term(f"({self._name(f'{domain.parts[1]}/{name}')} in {held})", "bool", safe=True)

    def _optional(self, node: Expr | None) -> DevicePath:
        path = self._path(node) if node is not None else None
        if path is None or not path.optional or len(path.parts) != 3:
            raise DeclinedError
        return path

    # Calls

    def _call(self, node: Call) -> Term:  # noqa: PLR0911 - one case for a kind of call
        name = node.function
        if name in ("_&&_", "_||_"):
            return self._logic(node)
        if name == "_?_:_":
            return self._conditional(node)
        if name == "!_":
            inner = self.boolean(node.args[0])
            return Term(f"(not {inner.code})", "bool", safe=inner.safe)
        if name in ("_[_]", "_[?_]", "_?._"):
            path = self._path(node)
            if path is None or path.optional:
                raise DeclinedError
            return self._at(path)
        if name == "orValue":
            return self._or_value(node)
        if name == "hasValue" and node.target is not None:
            path = self._optional(node.target)
            return self._has(DevicePath(path.parts[:2]), path.parts[2])
        if name in _DECLINED:
            raise DeclinedError
        if name == "@in":
            return self._in(node)
        self._operand += 1
        try:
            return self._function(node)
        finally:
            self._operand -= 1

    def _logic(self, node: Call) -> Term:
        terms = [self.boolean(arg) for arg in node.args]
        if terms[0].safe:
            word = "or" if node.function == "_||_" else "and"
            return Term(f"({terms[0].code} {word} {terms[1].code})", "bool", safe=terms[1].safe)
        decisive = self._name(node.function == "_||_")
        later = ", ".join(f"lambda: {term.code}" for term in terms)
        return Term(f"{self._name(matcher_runtime.decide)}({decisive}, {later})", "bool")

    def _conditional(self, node: Call) -> Term:
        condition = self.boolean(node.args[0])
        one, other = self.term(node.args[1]), self.term(node.args[2])
        kind = one.kind if one.kind == other.kind else "any"
        safe = condition.safe and one.safe and other.safe
        return Term(f"({one.code} if {condition.code} else {other.code})", kind, safe=safe)

    def _or_value(self, node: Call) -> Term:
        path = self._optional(node.target)
        default = self.term(node.args[0])
        if not default.safe:
            raise DeclinedError
        held, kind = ("A", "attribute") if path.parts[0] == "attributes" else ("v.amounts", "quantity")
        if (default.kind not in matcher_operators.PLAIN and default.kind != kind) or (
            kind == "quantity" and default.kind != kind
        ):
            kind = "any"
        return Term(f"{held}.get({self._name(path.full_name)}, {default.code})", kind, safe=True)

    def _in(self, node: Call) -> Term:
        value, container = node.args
        path = self._path(container)
        if (
            path is not None
            and not path.optional
            and isinstance(value, Literal)
            and value.value.__class__ is str
        ):
            if len(path.parts) == 2:
                return self._has(path, value.value)
            if path.parts == ("attributes",):
                return Term(f"({self._name(value.value)} in v.attributes.entries)", "bool", safe=True)
        constants = literal_values(container)
        elements = constant_set(constants) if constants and node.overloads == ("in_list",) else None
        if elements is None:
            raise DeclinedError
        term = self.term(value)
        # A value that cannot be looked up ends an evaluation even where another operand has failed.
        if self._operand and term.kind != "str":
            raise DeclinedError
        return matcher_operators.member(self.source, term, elements)

    def _function(self, node: Call) -> Term:
        name = node.function
        if name in ("quantity", "semver", "matches", "contains") or name in matcher_operators.TEXT_METHODS:
            found = self._prepared(node)
            if found is not None:
                return found
        terms = [self.term(operand) for operand in node.operands()]
        if name in ("_==_", "_!=_"):
            return matcher_operators.equality(self.source, terms[0], terms[1], equal=name == "_==_")
        if name in matcher_operators.ORDER:
            return matcher_operators.order(self.source, terms[0], terms[1], name)
        if name in matcher_operators.COMPARISONS or name in ("major", "minor", "patch", "compareTo"):
            compared = matcher_operators.compared(self.source, name, terms)
            if compared is not None:
                return compared
        if name == "size" and terms[0].kind == "str":
            return Term(f"{self._name(len)}({terms[0].code})", "int", safe=terms[0].safe)
        return self._general(node, terms)

    def _general(self, node: Call, terms: list[Term]) -> Term:
        run = implementation(node.function, node.overloads, self._variants)
        kind = "any"
        if node.function == "size":
            kind = "int"
        elif len(node.overloads) == 1:
            kind = _RESULTS.get(overloads()[node.overloads[0]].result.name, "any")
        return Term(f"{self._name(run)}({', '.join(term.code for term in terms)})", kind)

    def _prepared(self, node: Call) -> Term | None:
        """Calls with constant arguments, which are worked out now."""
        operands = node.operands()
        last = operands[-1]
        if not isinstance(last, Literal) or last.value.__class__ is not str:
            return None
        text = last.value
        if node.function in ("quantity", "semver"):
            if len(operands) != 1:
                return None
            try:
                value = parse_quantity(text) if node.function == "quantity" else parse_semver(text)
            except EvalError:
                raise DeclinedError from None
            return Term(self._name(value), node.function, safe=True, constant=True, value=value)
        if len(operands) != 2:
            return None
        return matcher_operators.text_call(self.source, node.function, self.term(operands[0]), text)

    # Comprehensions

    def _fold(self, node: Fold) -> Term:
        if node.macro == "bind":
            return self._bind(node)
        if node.macro not in ("all", "exists", "exists_one"):
            raise DeclinedError
        over, kinds = self._range(node.range)
        # The predicate is the last operand of the step; for exists_one its condition.
        step = node.step
        if not isinstance(step, Call):
            raise DeclinedError
        predicate = step.args[0] if node.macro == "exists_one" else step.args[1]
        names = [node.var, node.var2] if node.var2 else [node.var]
        variables = [self.source.temporary() for _ in names]
        outer = self.scope
        self.scope = dict(outer)
        for name, variable in zip(names, variables, strict=True):
            kind = "any" if node.var2 else kinds
            self.scope[name] = Binding(Term(variable, kind, safe=True))
        inner = self.term(predicate)
        self.scope = outer
        later = f"lambda {', '.join(variables)}: {inner.code}"
        if node.macro == "exists_one":
            if node.var2:
                raise DeclinedError
            return Term(f"{self._name(matcher_runtime.exactly_one)}({over.code}, {later})", "bool")
        function = matcher_runtime.quantify_pairs if node.var2 else matcher_runtime.quantify
        decisive = self._name(node.macro == "exists")
        return Term(f"{self._name(function)}({decisive}, {over.code}, {later})", "bool")

    def _range(self, node: Expr) -> tuple[Term, str]:
        """The range of the loop, and the kind of its elements."""
        values = literal_values(node)
        if values is not None:
            kinds = {_KINDS.get(value.__class__, "any") for value in values}
            return Term(self._name(values), "any", safe=True), kinds.pop() if len(kinds) == 1 else "any"
        term = self.term(node)
        if term.kind == "attribute":
            return term, "attribute"
        path = self._path(node)
        return term, "str" if path is not None and len(path.parts) == 2 else "any"

    def bind(self, node: Fold) -> Scope:
        """Enters the body of a cel.bind(); gives the scope to go back to."""
        # The value is written wherever it is used: without loops that costs little, and + could change it.
        if _has_sum(node.result) or isinstance(node.init, Fold | ListLit):
            raise DeclinedError
        outer = self.scope
        self.scope = {**outer, node.accumulator: Binding(node=node.init, scope=outer)}
        return outer

    def _bind(self, node: Fold) -> Term:
        outer = self.bind(node)
        try:
            return self.term(node.result)
        finally:
            self.scope = outer


def _has_sum(node: Expr) -> bool:
    if isinstance(node, Call) and node.function == "_+_":
        return True
    return any(_has_sum(child) for child in children(node))
