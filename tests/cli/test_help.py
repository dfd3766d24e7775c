"""Each help text reads well alone: complete sentences, of reasonable length, about this command."""

import re
from pathlib import Path

import click
import pytest
from prose import lint

from app.cli.application import COMMANDS, command_of


def texts_of(name: str) -> dict[str, str]:
    """The texts of a command by where they are: the description, and each flag."""
    command = command_of(name)
    assert command is not None
    found = {name: command.help or ""}
    found |= {
        f"{name} {item.opts[-1]}": item.help or ""
        for item in command.params
        if isinstance(item, click.Option)
    }
    return found


def problems(where: str, text: str) -> list[str]:
    """What a reader stumbles over."""
    plain = re.sub(r"  \[default: .*?\]$", "", text.strip())
    found = []
    if not plain:
        return [f"{where}: no text"]
    if not re.match(r"[A-Z0-9]|[a-z]+(:|, )", plain):
        found.append(f"{where}: begins in the middle of a sentence")
    if plain[-1] not in ".:)":
        found.append(f"{where}: the last sentence has no end")
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_made_of_sentences(name: str) -> None:
    command = command_of(name)
    assert command is not None
    first = (command.help or "").split("\n\n")[0]
    assert first.endswith(".")
    assert len(first) <= 80
    found = [problem for where, text in texts_of(name).items() for problem in problems(where, text)]
    assert found == []


def test_help_passes_the_prose_linter() -> None:
    texts = {Path(f"{name}.md"): "\n\n".join(texts_of(name).values()) + "\n" for name in COMMANDS}
    assert [str(finding) for finding in lint(texts)] == []
