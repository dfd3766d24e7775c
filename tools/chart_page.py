"""charts/dra-extender/README.md, its table from the comments of values.yaml.

python tools/chart_page.py           rewrites the page
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from made import page_with

CHART = Path(__file__).resolve().parent.parent / "charts" / "dra-extender"
PAGE = CHART / "README.md"
VALUES = CHART / "values.yaml"
_KEY = re.compile(r"^( *)([A-Za-z]\w*):")


def page() -> str:
    """The whole page with its table. Raises: ValueError if the page has no place for one."""
    return page_with(PAGE, table())


def table() -> str:
    """A row for each described value: its path, default and description."""
    text = VALUES.read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    rows = [f"| `{path}` | {_default(values, path)} | {described} |" for path, described in _described(text)]
    return "\n".join(["", "| value | default | |", "| --- | --- | --- |", *rows]) + "\n"


def _described(text: str) -> Iterator[tuple[str, str]]:
    """Path and description of each value with a comment that begins with '-- '."""
    parents: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.strip().startswith("#"):
            comment.append(line.strip().lstrip("# "))
            continue
        if found := _KEY.match(line):
            indent, key = len(found[1]), found[2]
            parents = [parent for parent in parents if parent[0] < indent] + [(indent, key)]
            if comment and comment[0].startswith("-- "):
                words = " ".join(comment).removeprefix("-- ").replace("|", "\\|")
                yield ".".join(name for _, name in parents), words
        comment = []


def _default(values: Any, path: str) -> str:
    for key in path.split("."):
        values = values[key]
    return "" if values in ("", [], {}) else f"`{json.dumps(values)}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
