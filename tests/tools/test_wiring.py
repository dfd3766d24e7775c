"""Parts are whole when they are made: what puts them together sets nothing on them later."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2] / "app"
PLACES = (ROOT / "main.py", *(ROOT / "wiring").glob("*.py"), *(ROOT / "api").rglob("*.py"))


def set_on_others(source: str) -> Iterator[str]:
    """Targets of assignments that are attributes of another object than ``self``."""
    for node in ast.walk(ast.parse(source)):
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        for target in targets if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) else ():
            for item in target.elts if isinstance(target, ast.Tuple) else (target,):
                if isinstance(item, ast.Attribute) and ast.unparse(item.value) != "self":
                    yield ast.unparse(item)


def test_nothing_is_set_on_a_part_that_is_made() -> None:
    found = {text for path in PLACES for text in set_on_others(path.read_text(encoding="utf-8"))}
    # FastAPI's documented way to serve another OpenAPI document is to replace the method.
    assert found == {"app.state.metrics", "app.state.shutdown", "app.state.service", "app.openapi"}


def test_every_form_of_assignment_is_found() -> None:
    source = "a.b = 1\nself.c = 2\nd.e += 3\nf.g: int = 4\nh.i, j = 5, 6\nself.k.l = 7\n"
    assert list(set_on_others(source)) == ["a.b", "d.e", "f.g", "h.i", "self.k.l"]
