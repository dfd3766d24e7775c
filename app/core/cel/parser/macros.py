"""Macros: calls that the parser turns into other expressions (cel-go parser/macro.go, ext/*.go)."""

from collections.abc import Callable

from app.core.cel.common.ast import Call, Entry, Expr, Fold, Ident, ListLit, Literal, MapLit, Select, copied
from app.core.cel.common.errors import CelCompileError
from app.core.cel.parser.weight import check_copied

ACCUMULATOR = "@result"
SORT_INPUT = "@__sortBy_input__"
_UNUSED = "#unused"
_Args = tuple[Expr, ...]


def expand(pos: int, name: str, target: Expr | None, args: _Args) -> Expr | None:
    """The expansion of the call, or None if it is not a macro."""
    if target is None:
        return _has(pos, args) if name == "has" and len(args) == 1 else None
    macro = _RECEIVERS.get((name, len(args)))
    return macro(pos, target, args) if macro is not None else None


def _has(pos: int, args: _Args) -> Expr:
    selected = args[0]
    if not isinstance(selected, Select) or selected.test_only:
        raise CelCompileError(
            "invalid argument to has() macro: it takes a field selection, as in has(a.b)", selected.pos
        )
    return Select(pos, selected.operand, selected.field, test_only=True)


def _call(pos: int, function: str, *args: Expr) -> Call:
    return Call(pos, function, None, args)


def _accumulated(pos: int) -> Ident:
    return Ident(pos, ACCUMULATOR)


def _variable(node: Expr, message: str) -> str:
    if not isinstance(node, Ident):
        raise CelCompileError(message, node.pos)
    return node.name


def _iteration_variable(node: Expr, message: str = "argument must be a simple name") -> str:
    name = _variable(node, message)
    if name in (ACCUMULATOR, "__result__"):
        raise CelCompileError("iteration variable overwrites accumulator variable", node.pos)
    return name


def _variables(args: _Args) -> tuple[str, str]:
    first = _variable(args[0], "argument must be a simple name")
    second = _variable(args[1], "argument must be a simple name")
    if first == second:
        raise CelCompileError(f"duplicate variable name: {first}", args[1].pos)
    return _iteration_variable(args[0]), _iteration_variable(args[1])


def _fold(
    pos: int,
    macro: str,
    target: Expr,
    names: tuple[str, str],
    *,
    init: Expr,
    condition: Expr,
    step: Expr,
    result: Expr | None = None,
) -> Fold:
    return Fold(
        pos,
        macro,
        target,
        names[0],
        names[1],
        ACCUMULATOR,
        init,
        condition,
        step,
        result or _accumulated(pos),
    )


def _quantifier(macro: str, two: bool) -> Callable[[int, Expr, _Args], Expr]:  # noqa: FBT001 - a table's flag
    def build(pos: int, target: Expr, args: _Args) -> Expr:
        names = _variables(args) if two else (_iteration_variable(args[0]), "")
        predicate = args[-1]
        accumulated = _accumulated(pos)
        if macro == "all":
            condition = _call(pos, "@not_strictly_false", accumulated)
            step = _call(pos, "_&&_", _accumulated(pos), predicate)
            return _fold(
                pos, macro, target, names, init=Literal(pos, value=True), condition=condition, step=step
            )
        if macro == "exists":
            condition = _call(pos, "@not_strictly_false", _call(pos, "!_", accumulated))
            step = _call(pos, "_||_", _accumulated(pos), predicate)
            return _fold(
                pos, macro, target, names, init=Literal(pos, value=False), condition=condition, step=step
            )
        more = _call(pos, "_+_", _accumulated(pos), Literal(pos, 1))
        step = _call(pos, "_?_:_", predicate, more, _accumulated(pos))
        result = _call(pos, "_==_", _accumulated(pos), Literal(pos, 1))
        return _fold(
            pos,
            macro,
            target,
            names,
            init=Literal(pos, 0),
            condition=Literal(pos, value=True),
            step=step,
            result=result,
        )

    return build


def _collect(
    pos: int, macro: str, target: Expr, names: tuple[str, str], *, condition: Expr | None, item: Expr
) -> Expr:
    """A list of ``item`` for every element that meets the condition."""
    step: Expr = _call(pos, "_+_", _accumulated(pos), ListLit(pos, (item,)))
    if condition is not None:
        step = _call(pos, "_?_:_", condition, step, _accumulated(pos))
    return _fold(
        pos, macro, target, names, init=ListLit(pos, ()), condition=Literal(pos, value=True), step=step
    )


def _map(pos: int, target: Expr, args: _Args) -> Expr:
    name = _iteration_variable(args[0], "argument is not an identifier")
    return _collect(
        pos, "map", target, (name, ""), condition=args[1] if len(args) == 3 else None, item=args[-1]
    )


def _filter(pos: int, target: Expr, args: _Args) -> Expr:
    name = _iteration_variable(args[0], "argument is not an identifier")
    return _collect(pos, "filter", target, (name, ""), condition=args[1], item=args[0])


def _transform_list(pos: int, target: Expr, args: _Args) -> Expr:
    names = _variables(args)
    return _collect(
        pos, "transformList", target, names, condition=args[2] if len(args) == 4 else None, item=args[-1]
    )


def _transform_map(pos: int, target: Expr, args: _Args) -> Expr:
    names = _variables(args)
    step: Expr = _call(pos, "cel.@mapInsert", _accumulated(pos), Ident(pos, names[0]), args[-1])
    return _insert(pos, "transformMap", target, names, args=args, step=step)


def _transform_map_entry(pos: int, target: Expr, args: _Args) -> Expr:
    names = _variables(args)
    step: Expr = _call(pos, "cel.@mapInsert", _accumulated(pos), args[-1])
    return _insert(pos, "transformMapEntry", target, names, args=args, step=step)


def _insert(pos: int, macro: str, target: Expr, names: tuple[str, str], *, args: _Args, step: Expr) -> Expr:
    if len(args) == 4:
        step = _call(pos, "_?_:_", args[2], step, _accumulated(pos))
    entries: tuple[Entry, ...] = ()
    return _fold(
        pos, macro, target, names, init=MapLit(pos, entries), condition=Literal(pos, value=True), step=step
    )


def _bound(pos: int, macro: str, name: str, value: Expr, body: Expr) -> Fold:
    """``body`` with ``name`` standing for the value: a fold over nothing, whose result is the body."""
    return Fold(
        pos,
        macro,
        ListLit(pos, ()),
        _UNUSED,
        "",
        name,
        value,
        Literal(pos, value=False),
        Ident(pos, name),
        body,
    )


def _bind(pos: int, target: Expr, args: _Args) -> Expr | None:
    if not (isinstance(target, Ident) and target.name == "cel"):
        return None
    name = _variable(args[0], "cel.bind() variable names must be simple identifiers")
    return _bound(pos, "bind", name, args[1], args[2])


def _again(target: Expr) -> Expr:
    check_copied(target)
    return copied(target)


def _opt_map(pos: int, target: Expr, args: _Args) -> Expr:
    name = _variable(args[0], "optMap() variable name must be a simple identifier")
    value = Call(pos, "value", _again(target), ())
    mapped = _call(pos, "optional.of", _bound(pos, "optMap", name, value, args[1]))
    return _call(
        pos, "_?_:_", Call(pos, "hasValue", target, ()), mapped, _call(pos, "optional.none")
    )  # fmt: skip


def _opt_flat_map(pos: int, target: Expr, args: _Args) -> Expr:
    name = _variable(args[0], "optFlatMap() variable name must be a simple identifier")
    value = Call(pos, "value", _again(target), ())
    mapped = _bound(pos, "optFlatMap", name, value, args[1])
    return _call(
        pos, "_?_:_", Call(pos, "hasValue", target, ()), mapped, _call(pos, "optional.none")
    )  # fmt: skip


def _sort_by(pos: int, target: Expr, args: _Args) -> Expr:
    if not isinstance(target, ListLit | Select | Ident | Fold | Call):
        raise CelCompileError(
            "sortBy can only be applied to a list, identifier, comprehension, call or select expression",
            target.pos,
        )
    keys = _map(pos, Ident(pos, SORT_INPUT), args)
    body = Call(pos, "@sortByAssociatedKeys", Ident(pos, SORT_INPUT), (keys,))
    return _bound(pos, "sortBy", SORT_INPUT, target, body)


_RECEIVERS: dict[tuple[str, int], Callable[[int, Expr, _Args], Expr | None]] = {
    ("all", 2): _quantifier("all", two=False),
    ("exists", 2): _quantifier("exists", two=False),
    ("exists_one", 2): _quantifier("exists_one", two=False),
    ("all", 3): _quantifier("all", two=True),
    ("exists", 3): _quantifier("exists", two=True),
    ("exists_one", 3): _quantifier("exists_one", two=True),
    ("existsOne", 3): _quantifier("existsOne", two=True),
    ("map", 2): _map,
    ("map", 3): _map,
    ("filter", 2): _filter,
    ("transformList", 3): _transform_list,
    ("transformList", 4): _transform_list,
    ("transformMap", 3): _transform_map,
    ("transformMap", 4): _transform_map,
    ("transformMapEntry", 3): _transform_map_entry,
    ("transformMapEntry", 4): _transform_map_entry,
    ("bind", 3): _bind,
    ("optMap", 2): _opt_map,
    ("optFlatMap", 2): _opt_flat_map,
    ("sortBy", 2): _sort_by,
}
