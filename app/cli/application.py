"""The program: its commands, its usage errors and its exit codes."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from app.cli.check import check
from app.cli.claims import claims
from app.cli.completion import completion
from app.cli.convert import convert
from app.cli.decisions import decisions
from app.cli.demo import demo
from app.cli.devices import devices
from app.cli.explain import explain
from app.cli.plan import plan
from app.cli.pods import pods
from app.cli.problems import CliError, Exit
from app.cli.serve import serve
from app.cli.simulate import simulate
from app.cli.snapshot import snapshot
from app.cli.talk import ReaderGoneError, say

_MANY = frozenset({"-f", "--filename", "--snapshot"})
_COMMANDS = (
    serve,
    demo,
    plan,
    explain,
    pods,
    devices,
    claims,
    decisions,
    simulate,
    snapshot,
    check,
    convert,
    completion,
)


class _Group(click.Group):
    """Lists commands in the order of use, not alphabetically."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(self.commands)


@click.group(
    cls=_Group,
    commands=list(_COMMANDS),
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
    return code if isinstance(code, int) else Exit.OK


def spread(arguments: Sequence[str]) -> list[str]:
    """Lets ``-f a b`` mean ``-f a -f b``, so that a shell may expand a pattern there.

    In ``explain`` this applies after the Pod only, because the Pod would become a value of the flag.
    """
    if arguments[:1] == ["explain"] and "".join(arguments[1:2]).startswith("-"):
        return list(arguments)
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
