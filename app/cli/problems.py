"""The errors of the command line, and their exit codes."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of all commands. ``NO`` is a result: not all placed, or findings."""

    OK = 0
    NO = 1
    USAGE = 2
    UNREACHABLE = 3


class CliError(Exception):
    """Ends a command with one line on stderr. ``hint`` is what to do about it."""

    code = Exit.USAGE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)


class InputError(CliError):
    """Bad usage or bad input: a flag, a file, an object in it."""


class UnreachableError(CliError):
    """The query is not possible: no cluster, service unreachable, or not permitted."""

    code = Exit.UNREACHABLE
