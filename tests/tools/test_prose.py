"""The prose linter finds the words of its list, in every kind of file, and leaves plain English alone."""

from pathlib import Path

import prose
import pytest

REFUSED = {
    "a program that hears": "The informer hears of the change.",
    "a program that is told": "The binder is told about the claim.",
    "a program that wants": "The request wants two devices.",
    "no instead of not": "The body is no JSON.",
    "an archaic pronoun": "Show whom preemption would evict.",
    "a literal turn": "Each replica has a Lease of its own.",
    "looking at": "The reconciler looks at all claims.",
    "British spelling": "The behaviour of the scheduler.",
    "a word twice": "The claim is is allocated.",
}
ACCEPTED = {
    "there is no": "There is no device on this node.",
    "no longer": "The claim is no longer allocated.",
    "its own before the noun": "Each replica has its own Lease.",
    "code": "The field `told` contains `it hears nobody`.",
    "frequently asked": "Frequently asked questions.",
    "plain English": "The allocator picks the devices, and the binder writes them into the claim.",
}


def found_in(text: str, name: str = "page.md", tmp_path: Path | None = None) -> list[prose.Finding]:
    if tmp_path is None:
        return prose.lint({Path(name): text})
    file = tmp_path / name
    file.write_text(text)
    return prose.lint({Path(name): prose.prose(file)})


def test_what_the_list_refuses_is_found() -> None:
    found = prose.lint({Path(f"{number}.md"): text for number, text in enumerate(REFUSED.values())})
    named = {list(REFUSED)[int(finding.path.stem)] for finding in found}
    assert named == set(REFUSED)


def test_plain_english_passes() -> None:
    found = prose.lint({Path(f"{number}.md"): text for number, text in enumerate(ACCEPTED.values())})
    assert [str(finding) for finding in found] == []


FILES = {
    "values.yaml": ("a: 1\n# -- Whom it evicts.\nb: told\n", 2),
    "alerts.yaml": ("expr: told\ndescription: 'It is told so.'\n", 2),
    "dashboard.json": ('{\n"expr": "told",\n"title": "Whom it evicts"\n}\n', 3),
    "NOTES.txt": ("Installed {{ .told }}.\nIt hears you.\n", 2),
    "index.html": ("<p\n  class='told'>It\n<b>hears</b> you.</p>\n", 3),
    "page.js": ('const told = 1;\n\nshow("It hears you.");\n', 3),
    "module.py": ('told = 1\n\nraise ValueError("the body is no JSON")\n', 3),
}


@pytest.mark.parametrize(("name", "text", "line"), [(name, *case) for name, case in FILES.items()], ids=FILES)
def test_texts_are_found_where_they_stand(name: str, text: str, line: int, tmp_path: Path) -> None:
    assert [finding.line for finding in found_in(text, name, tmp_path)] == [line]


def test_a_finding_names_what_to_write() -> None:
    (finding,) = found_in("It is\nas dear as gold.", "docs/page.md")
    assert str(finding) == "docs/page.md:2: 'as dear': Write as expensive."


def test_a_line_without_an_arrow_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2: no '->'"):
        prose.rules("# words\nwhom\n")


def test_an_unknown_expression_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "words.txt"
    broken.write_text("[unclosed -> closed\n")
    monkeypatch.setattr(prose, "WORDS", broken)
    with pytest.raises(RuntimeError, match="Harper failed"):
        found_in("Text.")


def test_only_texts_without_a_finding_are_known_the_next_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read: list[set[str]] = []
    lint = prose.lint

    def counted(texts: dict[Path, str]) -> list[prose.Finding]:
        read.append({path.name for path in texts})
        return lint(texts)

    monkeypatch.setattr(prose, "lint", counted)
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    monkeypatch.setattr(prose, "CLEAN", tmp_path / ".cache" / "prose")
    (tmp_path / "good.md").write_text("The claim is allocated.")
    (tmp_path / "bad.md").write_text("The claim is is allocated.")
    assert [prose.main([]), prose.main([])] == [1, 1]
    (tmp_path / "bad.md").write_text("The claim is not allocated.")
    (tmp_path / "good.md").write_text("The claim is free.")
    assert [prose.main([]), prose.main([])] == [0, 0]
    assert read == [{"good.md", "bad.md"}, {"bad.md"}, {"good.md", "bad.md"}]
