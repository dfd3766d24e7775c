"""The reference in docs/cli.md, from the program: every command with its flags.

python tools/command_line.py           rewrites the page
"""

from collections.abc import Iterator
from pathlib import Path

import click
from made import page_with

from app.cli.application import COMMANDS, command_of

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"


def page() -> str:
    """The whole page with its reference."""
    return page_with(PAGE, reference())


def reference() -> str:
    """A section for each command, in the order of --help."""
    lines: list[str] = []
    for name, command in commands():
        lines += ["", f"### {name}", "", *_paragraphs(command.help or ""), "", "| flag | |", "| --- | --- |"]
        lines += _flags(command)
    return "\n".join(lines) + "\n"


def commands() -> Iterator[tuple[str, click.Command]]:
    """The commands, and after a group those in it."""
    for name in COMMANDS:
        command = command_of(name)
        assert command is not None  # noqa: S101 - it is one of COMMANDS
        if not isinstance(command, click.Group):
            yield name, command
            continue
        for inner, member in command.commands.items():
            yield f"{name} {inner}", member


def _paragraphs(text: str) -> Iterator[str]:
    yield "\n\n".join(" ".join(part.split()) for part in text.replace("\b", "").split("\n\n"))


def _flags(command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=command.name)
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue  # the command `options` has them
        record = parameter.get_help_record(context)
        if record is None:
            record = (parameter.make_metavar(context), "")
        flag, told = (" ".join(part.split()).replace("|", "\\|") for part in record)
        yield f"| `{flag}` | {told} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
