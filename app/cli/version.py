"""``version`` and ``options``: the program itself, and the flags that all commands share."""

from importlib.metadata import version as installed_version
from typing import Any

import click

from app.cli import options as shared
from app.cli.problems import CliError, Exit
from app.cli.source import Source
from app.cli.talk import out, say

PROGRAM = "dra-extender"


@click.command()
@shared.anywhere
@click.option("--client", "client_only", is_flag=True, help="Only the version of this program.")
@shared.output
def version(*, source: Source, client_only: bool, output: str) -> int:
    """Print the versions of program, service and cluster.

    Without --server, the cluster is that of the kubeconfig. Exit code 3: it did not answer.
    """
    from app.cli.api_table import NEWEST  # noqa: PLC0415 - --help must be quick

    answer: dict[str, Any] = {
        "clientVersion": installed_version(PROGRAM),
        "kubernetesVersion": NEWEST,
    }
    problem = "" if client_only or source.snapshot else _ask(source, answer)
    if output in (shared.TABLE, shared.WIDE):
        for name, text in answer.items():
            out(f"{_TITLES[name]}: {text}")
    else:
        from app.cli.printing import print_data  # noqa: PLC0415 - --help must be quick

        print_data(answer, output, answer.values())
    if problem:
        say(problem)
    return Exit.UNREACHABLE if problem else Exit.OK


_TITLES = {
    "clientVersion": "Client version",
    "kubernetesVersion": "Kubernetes version it was made for",
    "serviceVersion": "Service version",
    "clusterVersion": "Cluster version",
}


def _ask(source: Source, answer: dict[str, Any]) -> str:
    """Adds the version of what the source is. Returns why that is not possible, or an empty text."""
    try:
        if source.server:
            from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick

            document = ask(source, lambda asker: asker.get("/openapi.json"))
            answer["serviceVersion"] = document["info"]["version"]
        else:
            import asyncio  # noqa: PLC0415 - as above

            answer["clusterVersion"] = asyncio.run(_cluster_version(source))
    except CliError as error:
        return str(error)
    return ""


async def _cluster_version(source: Source) -> str:
    """Raises: UnreachableError."""
    from app.cli.cluster_objects import get_object  # noqa: PLC0415 - --help must be quick

    return str((await get_object(source, "/version")).get("gitVersion"))


@click.command("options")
def options() -> int:
    """List the flags that all commands share.

    Each command that uses a cluster or a service accepts them, and its own help does not repeat them."""
    context = click.Context(options)
    formatter = context.make_formatter()
    records = []
    for flag in shared.global_options():
        flag.hidden = False
        record = flag.get_help_record(context)
        records.append(record or ("", ""))
    with formatter.section("Flags of all commands that use a cluster or a service"):
        formatter.write_dl(records)
    out(formatter.getvalue().rstrip())
    return Exit.OK
