"""Hook of mkdocs: files of the repository that pages link to."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+([^)#]+)\)")
FROM_ROOT = re.compile(r"\]\(docs/")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds files outside docs/ that pages link to."""
    linked = {
        path
        for page in (ROOT / "docs").glob("*.md")
        for _, path in OUTSIDE.findall(page.read_text(encoding="utf-8"))
        if (ROOT / path).is_file()
    }
    for path in sorted(linked):
        files.append(File.generated(config, f"files/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Links to files of the repository go to their copies, those of the copies to the site's pages.

    Links to folders of the repository become words.
    """
    if page.file.src_uri.startswith("files/"):
        return FROM_ROOT.sub("](../", markdown)  # of copies from the repository's root, such as the changelog
    return OUTSIDE.sub(_link, markdown)


def _link(found: re.Match[str]) -> str:
    text, path = found.groups()
    if (ROOT / path).is_file():
        return f"[{text}](files/{path})"
    if (ROOT / path).is_dir():
        return f"{text} (`{path}`)"
    return found[0]  # which the strict build reports
