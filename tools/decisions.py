"""The index of docs/decisions, from the head of each page.

python tools/decisions.py           rewrites docs/decisions/README.md
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "decisions"
PAGE = FOLDER / "README.md"
SECTIONS = ("Question", "Decision", "Alternatives", "Measured", "Enforced by")
STATES = ("proposed", "accepted", "superseded")
_NAME = re.compile(r"(\d{3})-[a-z0-9-]+\.md")
_FIELD = re.compile(r"- (Status|Date|Amends|Amended by|Builds on|Supersedes|Superseded by): (.+)")
_LINK = re.compile(r"\[(\d{3})\]\(([a-z0-9-]+\.md)\)")


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """One page: the fields of its head, and its sections in order."""

    path: Path
    number: str
    title: str
    fields: dict[str, str]
    sections: tuple[str, ...]

    def links(self, field: str) -> dict[str, str]:
        """Number -> file name of the decisions that a field of the head names."""
        return dict(_LINK.findall(self.fields.get(field, "")))


def decisions() -> list[DecisionPage]:
    """All pages, by number. Raises: ValueError for a page that does not follow the template."""
    return [_read(path) for path in sorted(FOLDER.glob("*.md")) if path != PAGE]


def _read(path: Path) -> DecisionPage:
    name = _NAME.fullmatch(path.name)
    text = path.read_text(encoding="utf-8")
    head, _, body = text.partition("\n## ")
    title, _, rest = head.partition("\n")
    if name is None or not title.startswith(f"# {name[1]}: "):
        raise ValueError(f"{path.name}: a page is called NNN-words.md and begins with '# NNN: title'")
    lines = [line for line in rest.splitlines() if line]
    fields = [_FIELD.fullmatch(line) for line in lines]
    if None in fields:
        raise ValueError(f"{path.name}: before the first section stand lines like '- Status: accepted' only")
    return DecisionPage(
        path=path,
        number=name[1],
        title=title.removeprefix(f"# {name[1]}: "),
        fields={field[1]: field[2] for field in fields if field},
        sections=tuple(re.findall(r"^## (.+)$", f"## {body}", re.MULTILINE)),
    )


def page() -> str:
    """The index: a row for each decision, with what amends it."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Decisions"
    yield ""
    yield "Why the project is built as it is. Each page has the same sections: question, decision,"
    yield "alternatives, what was measured, and the test that enforces it. `make generate` writes this index."
    yield ""
    yield "| | decision | date | status |"
    yield "| --- | --- | --- | --- |"
    for item in decisions():
        amended = ", ".join(f"[{number}]({name})" for number, name in item.links("Amended by").items())
        status = item.fields["Status"] + (f", amended by {amended}" if amended else "")
        yield f"| {item.number} | [{item.title}]({item.path.name}) | {item.fields['Date']} | {status} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
