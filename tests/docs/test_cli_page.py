"""docs/cli.md has every command and flag, as --help shows them, and every exit code."""

import re

import command_line

from app.cli.problems import Exit

TEXT = command_line.PAGE.read_text(encoding="utf-8")


def test_every_command_has_a_section() -> None:
    sections = re.findall(r"^### ([\w ]+)$", TEXT, re.MULTILINE)
    assert sections == [name for name, _ in command_line.commands()]
    assert {name.partition(" ")[0] for name in sections} == set(command_line.COMMANDS)


def test_every_exit_code_is_told() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    assert told == {int(code) for code in Exit} | {130}
