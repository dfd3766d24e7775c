"""The program: its commands, its usage errors and its exit codes."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from app.cli.check import check
from app.cli.convert import convert
from app.cli.problems import CliError, Exit
from app.cli.snapshot import snapshot
from app.cli.talk import say

_MANY = frozenset({"-f", "--filename", "--snapshot"})
_COMMANDS = (snapshot, check, convert)

# rich would make help and errors prettier, and each call half a second slower.
application = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in _COMMANDS:
    application.command()(_command)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 # typer calls it with the flag's value
    if wanted:
        sys.stdout.write(f"dra-extender {version('dra-extender')}\n")
        raise typer.Exit


@application.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Dynamic Resource Allocation: an extender for kube-scheduler, and answers about devices."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command line; the exit code."""
    name = "kubectl dra" if Path(sys.argv[0]).name.startswith("kubectl-") else "dra-extender"
    try:
        application(args=spread(arguments), prog_name=name)
    except CliError as error:
        say(f"{name}: {error}")
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return Exit.OK


def spread(arguments: Sequence[str]) -> list[str]:
    """Lets ``-f a b`` mean ``-f a -f b``, so that a shell may expand a pattern there."""
    result: list[str] = []
    option = ""
    for position, argument in enumerate(arguments):
        if argument == "--":
            return [*result, *arguments[position:]]
        if argument.startswith("-") and argument != "-":
            option = argument if argument in _MANY else ""
            result.append(argument)
        elif option and result[-1] != option:
            result += [option, argument]
        else:
            result.append(argument)
    return result
