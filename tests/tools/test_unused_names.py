"""Each function, class and constant of a module is used by the program, not only defined or tested."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "app").rglob("*.py"))}


def defined(source: str) -> Iterator[str]:
    """The names that a module gives itself, without those that a decorator hands on."""
    for item in ast.parse(source).body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not item.decorator_list:
                yield item.name
        elif isinstance(item, ast.Assign | ast.AnnAssign):
            targets = item.targets if isinstance(item, ast.Assign) else [item.target]
            yield from (
                name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
            )


def test_no_name_is_left_when_its_last_user_has_gone() -> None:
    scripts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    words = Counter(word for text in (*SOURCES.values(), scripts) for word in re.findall(r"\w+", text))
    left = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, text in SOURCES.items()
        for name in defined(text)
        if words[name] == 1 and not name.startswith("__")
    }
    assert left == set()
