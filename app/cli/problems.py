"""What goes wrong on a command line, and the exit code that says so."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command; ``NO`` is an answer: not all placed, findings."""

    OK = 0
    NO = 1
    USAGE = 2
    UNREACHABLE = 3


class CliError(Exception):
    """Ends a command with one line on stderr. ``hint`` says what to do about it."""

    code = Exit.USAGE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)


class InputError(CliError):
    """Bad usage or bad input: a flag, a file, an object in it."""


class UnreachableError(CliError):
    """The question could not be asked: no cluster, no service, no permission."""

    code = Exit.UNREACHABLE
