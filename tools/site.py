"""Hook of mkdocs: the API's reference from the program, and files of the repository that pages link to."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+([^)#]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what is made here, and files outside docs/ that pages link to."""
    files.append(File.generated(config, "api.md", content=api_page()))
    files.append(File.generated(config, "decisions/index.md", content=decisions_page()))
    linked = {
        path
        for page in (ROOT / "docs").glob("*.md")
        for _, path in OUTSIDE.findall(page.read_text(encoding="utf-8"))
        if (ROOT / path).is_file()
    }
    for path in sorted(linked):
        files.append(File.generated(config, f"files/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to files of the repository go to their copies; links to its folders become words."""
    return OUTSIDE.sub(_link, markdown)


def _link(found: re.Match[str]) -> str:
    text, path = found.groups()
    if (ROOT / path).is_file():
        return f"[{text}](files/{path})"
    if (ROOT / path).is_dir():
        return f"{text} (`{path}`)"
    return found[0]  # which the strict build reports


def decisions_page() -> str:
    """A list of the decisions by their titles."""
    lines = ["# Decisions", ""]
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"


def api_page() -> str:
    """Every path with its parameters and fields, from the OpenAPI document of the program."""
    document = create_app(Settings(snapshot=("x",))).openapi()
    lines = [
        "# API",
        "",
        f"Of version {document['info']['version']}. A running service has the same at `/docs`.",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += ["", f"## {method.upper()} {path}", "", operation.get("summary", "")]
            if operation.get("description"):
                lines += ["", operation["description"]]
            lines += _parameters(operation.get("parameters", []))
            lines += _answers(operation["responses"])
    return "\n".join(lines) + "\n"


def _parameters(parameters: list[dict[str, Any]]) -> list[str]:
    if not parameters:
        return []
    rows = [
        f"| `{item['name']}` | {item['in']} | {_cell(item.get('description', ''))} |" for item in parameters
    ]
    return ["", "| parameter | in | |", "| --- | --- | --- |", *rows]


def _answers(responses: dict[str, Any]) -> list[str]:
    rows = [f"| {code} | {_cell(item['description'])} |" for code, item in responses.items()]
    return ["", "| status | |", "| --- | --- |", *rows]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
