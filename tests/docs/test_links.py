"""Links of the Markdown files lead somewhere in the repository, as a code host shows it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.split()
CODE = re.compile(r"^(```|~~~).*?^\1$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    return CODE.sub("", text)


def anchors(path: Path) -> set[str]:
    """As code hosts make them: lower case, without punctuation, hyphens for spaces; numbered if repeated."""
    found: dict[str, int] = {}
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", LINK.sub("", heading).lower()).strip().replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {
        f"{slug}-{number}" if number else slug for slug, most in found.items() for number in range(most + 1)
    }


def broken(page: Path) -> list[str]:
    wrong = []
    for target in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            wrong.append(target)
    return wrong


def test_the_documentation_is_among_the_files() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/api.md", "docs/decisions/README.md"} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_links_lead_to_files_and_headings(name: str) -> None:
    assert broken(ROOT / name) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` c\n[one](#a-b-c) [two](#nowhere) [three](page.md#a-b-c) [four](none.md) `[five](none.md)`\n"
    )
    assert broken(page) == ["#nowhere", "none.md"]
