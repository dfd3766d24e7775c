"""The program: its commands, its usage errors and its exit codes."""

import sys
from collections.abc import Sequence
from errno import ENOSPC
from importlib import import_module
from pathlib import Path

import click

from app.cli.problems import CliError, Exit
from app.cli.talk import ReaderGoneError, say, silence

_MANY = frozenset({"-f", "--filename", "--snapshot"})
COMMANDS = {
    "serve": "serve",
    "demo": "demo",
    "plan": "plan",
    "explain": "explain",
    "repack": "repack",
    "top": "lists.top",
    "pods": "lists.pods",
    "claims": "lists.claims",
    "devices": "lists.devices",
    "nodes": "lists.nodes",
    "pools": "lists.pools",
    "classes": "lists.classes",
    "decisions": "lists.decisions",
    "simulate": "simulate",
    "snapshot": "snapshot",
    "check": "check",
    "convert": "convert",
    "migrate": "migrate",
    "completion": "completion",
    "options": "version",
    "version": "version",
}
"""The commands in the order of use, each with its module in this package."""


class _Group(click.Group):
    """Imports a command when it is needed: the start costs the same however many there are."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        return command_of(cmd_name)


def command_of(name: str) -> click.Command | None:
    """The command of this name; None if there is none."""
    if name not in COMMANDS:
        return None
    found = getattr(import_module(f"{__package__}.{COMMANDS[name]}"), name)
    assert isinstance(found, click.Command)  # noqa: S101 - COMMANDS names only those
    return found


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="dra-extender", message="dra-extender %(version)s")
def application() -> None:
    """Dynamic Resource Allocation: a kube-scheduler extender, and tools to inspect devices."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command line. Returns the exit code."""
    name = "kubectl dra" if Path(sys.argv[0]).name.startswith("kubectl-") else "dra-extender"
    try:
        code = application.main(spread(arguments), prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CliError as error:
        say(f"{name}: {error}")
        return error.code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except ReaderGoneError:
        return Exit.OK
    except OSError as error:
        if error.errno != ENOSPC:
            raise
        # What click prints itself, such as help.
        silence(sys.stdout)
        say(f"{name}: cannot write to stdout: {error.strerror}")
        return Exit.USAGE
    return code if isinstance(code, int) else Exit.OK


def spread(arguments: Sequence[str]) -> list[str]:
    """Lets ``-f a b`` mean ``-f a -f b``, so that a shell may expand a pattern there.

    In a command with names as arguments, a name may also follow the flag: there a word is another value only
    if a file has this name, or if a name came before the flag.
    """
    command = command_of(arguments[0]) if arguments else None
    parameters = command.params if command is not None else []
    names_follow = any(isinstance(item, click.Argument) for item in parameters)
    valued = {name for item in parameters if not getattr(item, "is_flag", False) for name in item.opts}
    result: list[str] = []
    option, flag = "", ""
    spelled = _short_values(arguments, valued)
    for position, argument in enumerate(spelled):
        if argument == "--":
            return [*result, *spelled[position:]]
        if argument.startswith("-") and argument != "-":
            option = argument if argument in _MANY else ""
            flag = argument if argument in valued else ""
            result.append(argument)
        elif option and result[-1] != option and not (names_follow and not _is_path(argument)):
            result += [option, argument]
        else:
            # A name, if it is not the command and not the value of a flag.
            names_follow = names_follow and (position == 0 or bool(flag))
            flag = ""
            result.append(argument)
    return result


def _short_values(arguments: Sequence[str], valued: set[str]) -> list[str]:
    """Lets ``-o=json`` mean ``-o json``, as kubectl does."""
    result: list[str] = []
    for argument in arguments:
        short = argument[:2] in valued and argument[2:3] == "=" and argument[1:2] != "-"
        result += [argument[:2], argument[3:]] if short else [argument]
    return result


def _is_path(text: str) -> bool:
    return text == "-" or Path(text).exists()
