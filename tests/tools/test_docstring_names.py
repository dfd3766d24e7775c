"""Docstrings name what there is: a name that has changed has changed in them, too."""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "app").rglob("*.py"))}
TREES = {path: ast.parse(text) for path, text in SOURCES.items()}
NAME = re.compile(r"``([A-Za-z_][\w.]*)(?:\(\))?``")
OF_USERS = {"ZONE", "resourceClaimTemplates"}
"""Examples of what users write or see."""


@cache
def words_of_code() -> tuple[Counter[str], list[tuple[str, str]]]:
    """All words of the code and its texts, and the names in docstrings and comments with their places."""
    words, named = Counter[str](), []
    for path, text in SOURCES.items():
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            prose = token.type == tokenize.COMMENT or token.string.startswith('"""')
            if prose:
                place = f"{path.relative_to(ROOT)}:{token.start[0]}"
                named += [(place, name) for name in NAME.findall(token.string)]
            elif token.type in (tokenize.NAME, tokenize.STRING):
                words.update(re.findall(r"\w+", token.string))
    return words, named


def test_a_name_in_a_docstring_is_in_the_code() -> None:
    words, named = words_of_code()
    gone = [
        (place, name) for place, name in named if name not in OF_USERS and not words[name.rpartition(".")[2]]
    ]
    assert gone == []


def test_an_attribute_in_a_docstring_is_one_of_its_class() -> None:
    classes: dict[str, str] = {}
    for path, tree in TREES.items():
        for item in ast.walk(tree):
            if isinstance(item, ast.ClassDef):
                body = ast.get_source_segment(SOURCES[path], item) or ""
                classes[item.name] = classes.get(item.name, "") + body
    gone = [
        (place, name)
        for place, name in words_of_code()[1]
        if name.count(".") == 1
        and (owner := name.split(".")[0]) in classes
        and not re.search(rf"\b{name.split('.')[1]}\b", classes[owner])
    ]
    assert gone == []


def arguments(item: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    """The parameters of a function, or the fields and parameters of a class."""
    if isinstance(item, ast.ClassDef):
        fields = {
            field.target.id
            for field in item.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        }
        made = [
            method
            for method in item.body
            if isinstance(method, ast.FunctionDef) and method.name == "__init__"
        ]
        return fields.union(*map(arguments, made))
    listed = (
        *item.args.posonlyargs,
        *item.args.args,
        *item.args.kwonlyargs,
        item.args.vararg,
        item.args.kwarg,
    )
    return {argument.arg for argument in listed if argument is not None}


def documented(text: str) -> Iterator[str]:
    """The names under ``Args:``."""
    for part in re.findall(r"^Args:\n((?:    .*\n?|\n)+)", text, re.MULTILINE):
        for names in re.findall(r"^    (\w+(?:, \w+)*):", part, re.MULTILINE):
            yield from names.split(", ")


def test_args_are_arguments() -> None:
    gone = [
        f"{path.relative_to(ROOT)}:{item.lineno}: {name}"
        for path, tree in TREES.items()
        for item in ast.walk(tree)
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for name in documented(ast.get_docstring(item) or "")
        if name not in arguments(item)
    ]
    assert gone == []


def test_what_core_offers_is_described() -> None:
    missing = [
        f"{path.relative_to(ROOT)}:{item.lineno}: {item.name}"
        for path, tree in TREES.items()
        if path.is_relative_to(ROOT / "app" / "core")
        for item in tree.body
        if isinstance(item, ast.FunctionDef | ast.ClassDef)
        if not item.name.startswith("_") and not ast.get_docstring(item)
    ]
    assert missing == []
