"""Names that users read in answers are explained: codes of reasons, and columns of tables."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from app.core.diagnosis.messages import _HEADLINES

ROOT = Path(__file__).parents[2]
HEAD = r"[A-Z]{2,}( [A-Z]+)*"
MAKERS = {"Reason", "_reason", "_refuse", "_refusal", "refusal"}


def texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def codes() -> set[str]:
    """What Reason gets as its first argument in core, literally."""
    found = set(_HEADLINES)
    for path in (ROOT / "app" / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id in MAKERS and isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


def test_every_reason_code_is_explained() -> None:
    page = (ROOT / "docs" / "explain.md").read_text(encoding="utf-8")
    section = page[page.index("## Reason codes") : page.index("## Near misses")]
    described = set(re.findall(r"`([A-Z]\w+)`", section))
    found = codes()
    assert {"DevicesInUse", "SearchLimit", "NodeUnknown", "WaitingForClaim"} <= found
    assert found - described == set()
    in_source = {
        text
        for path in (ROOT / "app" / "core").rglob("*.py")
        for text in texts(ast.parse(path.read_text(encoding="utf-8")))
        if re.fullmatch(r"[A-Z]\w+", text)
    }
    assert described - in_source == set(), "codes that are gone"


def columns() -> set[str]:
    """Heads of tables: rows of texts in capitals, texts in capitals that are appended, and of a Column."""
    found: set[str] = set()
    for path in (ROOT / "app" / "cli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Tuple(elts=items) | ast.List(elts=items) if len(items) > 1:
                    plain = [item for item in items if not isinstance(item, ast.Starred)]
                    row = [item.value for item in plain if isinstance(item, ast.Constant)]
                    if len(row) == len(plain) and all(re.fullmatch(HEAD, str(text)) for text in row):
                        found.update(map(str, row))
                case ast.Call(func=ast.Name(id="Column"), args=[ast.Constant(value=str(text)), *_]):
                    found.add(text)
                case ast.Call(func=ast.Attribute(attr="append"), args=[ast.Constant(value=str(text))]):
                    if re.fullmatch(HEAD, text):
                        found.add(text)
    return found


def test_every_column_is_explained() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    section = page[page.index("## Columns") : page.index("## Exit codes")]
    described = set(re.findall(r"`([A-Z][A-Z ]+)`", section))
    found = columns()
    assert {"NODE", "DEVICES", "REASON", "RESERVED FOR"} <= found
    assert found - described == set()
    assert described - found == set(), "columns that are gone"
