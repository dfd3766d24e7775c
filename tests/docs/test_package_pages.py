"""The pages that describe packages file by file name every module, and no file that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    "allocator": ("app/core", ("allocator",)),
    "placement": ("app/core", ("placement", "verdicts", "dry_run")),
    "cluster": (
        "app/cluster",
        ("auth", "binding", "client", "controllers", "events", "informers", "leadership"),
    ),
}
NAMED = re.compile(r"(?<![\w/.-])((?:app|bench|charts|docs|examples|loadtest|tests|tools)/[\w./*-]+)")


def files_of_table(page: str) -> set[str]:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    table = text.partition("| file | about | changes when |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`([\w/]+\.py)`", cell)}


@pytest.mark.parametrize("page", PAGES)
def test_every_module_is_described(page: str) -> None:
    base, packages = PAGES[page]
    modules = {
        f"{package}/{path.name}"
        for package in packages
        for path in (ROOT / base / package).glob("*.py")
        if path.name != "__init__.py"
    }
    described = files_of_table(page)
    assert modules <= described
    assert [name for name in described if not (ROOT / base / name).exists()] == []


@pytest.mark.parametrize(
    "path",
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("loadtest/*.md"), *ROOT.glob("app/**/*.md")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_files_that_a_page_names_exist(path: Path) -> None:
    names = {name.rstrip("./") for name in NAMED.findall(path.read_text(encoding="utf-8"))}
    assert [name for name in sorted(names) if not list(ROOT.glob(name))] == []
