"""``completion``: shell completion of commands and flags."""

import sys

import click

from app.cli.problems import Exit
from app.cli.talk import write

SHELLS = ("bash", "zsh", "fish")
_COBRA_NO_FILES = ":4"
"""The last line of a kubectl plugin's completer (cobra's ShellCompDirective): complete no files."""
_COBRA_FILES = ":0"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print a shell completion script.

    For bash: source <(dra-extender completion bash). For zsh the same, after compinit. For fish:
    dra-extender completion fish > ~/.config/fish/completions/dra-extender.fish. kubectl's own script
    completes `kubectl dra` if kubectl_complete-dra is in the PATH.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - --help must be quick

    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click has all of SHELLS
    root = ctx.find_root().command
    write(made(root, {}, "dra-extender", "_DRA_EXTENDER_COMPLETE").source())
    return Exit.OK


def complete_for_kubectl() -> None:
    """Entry point of ``kubectl_complete-dra``: its arguments are the words after ``dra``.

    Prints the candidates, one a line, and a directive in the last line (kubectl's plugin completion).
    """
    from click.shell_completion import ShellComplete  # noqa: PLC0415 - as above

    from app.cli.application import application  # noqa: PLC0415 - it imports this module

    *words, unfinished = sys.argv[1:] or [""]
    found = ShellComplete(application, {}, "kubectl dra", "").get_completions(words, unfinished)
    plain = [item.value for item in found if item.type == "plain"]
    write("".join(f"{text}\n" for text in plain))
    write(f"{_COBRA_NO_FILES if plain else _COBRA_FILES}\n")
