"""Lists, maps and messages as steps."""

from collections.abc import Callable
from typing import Any

from app.core.cel.common.ast import Entry, Expr, ListLit, MapLit, MessageLit
from app.core.cel.common.errors import CelCompileError, EvalAbortError, EvalError, located
from app.core.cel.interpreter.steps import Frame, Run, Step, constant
from app.core.cel.library import runtime_cost
from app.core.cel.values.messages import construct
from app.core.cel.values.values import CelMap, Optional, entry_key


def at_once(compute: Callable[[], Any], node: Expr) -> Any:
    """The value of what is constant.

    Raises:
        CelCompileError: there is none.
    """
    try:
        return compute()
    except (EvalError, EvalAbortError) as error:
        raise CelCompileError(str(error), node.pos) from None


def list_step(node: ListLit, steps: list[Step]) -> Step:
    """``[a, ?b]``."""
    if all(step.constant for step in steps):
        if node.optional:
            raise CelCompileError("cannot initialize optional list element from non-optional value", node.pos)
        return constant(tuple(step.value for step in steps))
    if not node.optional:
        return Step(_plain_list(tuple(step.run for step in steps)))
    parts = tuple((step.run, at in node.optional) for at, step in enumerate(steps))

    def run(frame: Frame) -> Any:
        found = []
        for part, optional in parts:
            value = part(frame)
            if optional:
                value = _inside(value, node.pos)
                if not value.present:
                    continue
                value = value.value
            found.append(value)
        frame.charge(runtime_cost.LIST)
        return tuple(found)

    return Step(run)


def _plain_list(parts: tuple[Run, ...]) -> Run:
    def run(frame: Frame) -> Any:
        found = tuple([part(frame) for part in parts])
        frame.charge(runtime_cost.LIST)
        return found

    return run


def map_step(node: MapLit, pairs: list[tuple[Step, Step, Entry]]) -> Step:
    """``{a: b, ?c: d}``."""
    if all(key.constant and value.constant for key, value, _ in pairs):
        for _, _, entry in pairs:
            if entry.optional:
                raise CelCompileError("cannot initialize optional entry from non-optional value", entry.pos)
        return constant(at_once(lambda: _constant_map(pairs), node))
    entries_of = _entries(tuple((key.run, value.run, entry) for key, value, entry in pairs), node.pos)

    def run(frame: Frame) -> CelMap:
        entries = entries_of(frame)
        frame.charge(runtime_cost.MAP)
        return CelMap(entries)

    return Step(run)


def message_step(node: MessageLit, values: list[Step]) -> Step:
    """``name{field: value}``."""
    fields_of = _entries(
        tuple(
            (constant(entry.key).run, step.run, entry)
            for entry, step in zip(node.entries, values, strict=True)
        ),
        node.pos,
    )

    def run(frame: Frame) -> Any:
        fields = fields_of(frame)
        frame.charge(runtime_cost.MESSAGE)
        return construct(node.name, fields)

    return Step(run)


def _entries(pairs: tuple[tuple[Run, Run, Entry], ...], pos: int) -> Callable[[Frame], dict[Any, Any]]:
    """Keys and values; an absent optional entry adds none."""
    parts = tuple((key, value, entry.optional) for key, value, entry in pairs)

    def entries_of(frame: Frame) -> dict[Any, Any]:
        entries: dict[Any, Any] = {}
        for key_of, value_of, optional in parts:
            key, value = key_of(frame), value_of(frame)
            held = entry_key(key)
            if optional:
                value = _inside(value, pos)
                if not value.present:
                    entries.pop(held, None)
                    continue
                value = value.value
            entries[held] = value
        return entries

    return entries_of


def _inside(value: Any, pos: int) -> Optional:
    """The value after a question mark."""
    if value.__class__ is not Optional:
        error = EvalError("cannot initialize an optional element from a non-optional value")
        raise located(error, pos)
    return value


def _constant_map(pairs: list[tuple[Step, Step, Entry]]) -> CelMap:
    return CelMap({entry_key(key.value): value.value for key, value, _ in pairs})
