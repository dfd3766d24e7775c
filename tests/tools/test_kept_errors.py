"""No error is kept with its frames, and none is raised from the variable that keeps it.

A frame refers to those that called it. See app/core/kept_error.py.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = sorted(Path("app").rglob("*.py"))


def kept_with_frames(tree: ast.AST) -> Iterator[int]:
    """Lines that give a caught error another name, or return it, without ``kept``."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        for node in ast.walk(handler):
            if isinstance(node, ast.Assign | ast.NamedExpr | ast.AnnAssign | ast.Return) and node.value:
                yield from (node.lineno for name in _kept_in(node.value) if name == handler.name)


def _kept_in(value: ast.expr) -> Iterator[str]:
    """Names whose objects are in the value, and not only read for it."""
    match value:
        case ast.Name(id=name):
            yield name
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _kept_in(part)
        case ast.IfExp(body=body, orelse=other):
            yield from _kept_in(body)
            yield from _kept_in(other)


def raised_from_a_variable(tree: ast.AST) -> Iterator[int]:
    """Lines that raise an error that a variable refers to: the variable's frame becomes part of the error."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name | ast.Attribute):
            name = node.exc.id if isinstance(node.exc, ast.Name) else node.exc.attr
            if not name.lstrip("_")[:1].isupper():  # a class
                yield node.lineno


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_no_error_is_kept_with_its_frames(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not list(kept_with_frames(tree))
    assert not list(raised_from_a_variable(tree))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("try: f()\nexcept E as error: last = error", True),
        ("try: f()\nexcept E as error: last = last or error", True),
        ("try: f()\nexcept E as error: self.broken[key] = error", True),
        ("def f():\n try: f()\n except E as error: return error", True),
        ("def f():\n try: f()\n except E as error: return None, error", True),
        ("try: f()\nexcept E as error: last = kept(error)", False),
        ("try: f()\nexcept E as error: last = str(error)", False),
        ("try: f()\nexcept E as error: raise F(error) from error", False),
    ],
)
def test_what_keeps_an_error_is_found(text: str, found: bool) -> None:
    assert bool(list(kept_with_frames(ast.parse(text)))) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("raise failed", True),
        ("raise self.failed from None", True),
        ("raise failed.again()", False),
        ("raise errors.PoolError", False),
        ("raise _OutdatedError", False),
    ],
)
def test_what_raises_a_kept_error_is_found(text: str, found: bool) -> None:
    assert bool(list(raised_from_a_variable(ast.parse(text)))) is found
