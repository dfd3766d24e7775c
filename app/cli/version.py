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

    For a cluster, a service or a snapshot, also the minor version whose rules hold, and the feature gates
    that differ from its defaults. Without --server and --snapshot, the cluster is that of the kubeconfig.
    Exit code 3: the cluster or service did not answer.
    """
    from app.manifests.validation.api_table import NEWEST  # noqa: PLC0415 - --help must be quick

    answer: dict[str, Any] = {
        "clientVersion": installed_version(PROGRAM),
        "kubernetesVersion": NEWEST,
    }
    problem = "" if client_only else _ask(source, answer)
    if output in (shared.TABLE, shared.WIDE):
        for name, value in answer.items():
            out(f"{_TITLES[name]}: {_text(value)}")
    else:
        from app.cli.printing import print_data  # noqa: PLC0415 - --help must be quick

        print_data(answer, output, map(_text, answer.values()))
    if problem:
        say(problem)
    return Exit.UNREACHABLE if problem else Exit.OK


_TITLES = {
    "clientVersion": "Client version",
    "kubernetesVersion": "Kubernetes version it was made for",
    "serviceVersion": "Service version",
    "clusterVersion": "Cluster version",
    "rulesVersion": "Rules of Kubernetes",
    "changedGates": "Changed feature gates",
}


def _text(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{name}={str(on).lower()}" for name, on in sorted(value.items()))


def _ask(source: Source, answer: dict[str, Any]) -> str:
    """Adds the version of what the source is. Returns why that is not possible, or an empty text."""
    try:
        if source.server:
            from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick

            told = ask(source, lambda asker: asker.get("/api/v1/version"))
            found = told["kubernetes"]
            answer["serviceVersion"] = told["version"]
            _add(answer, found["server"], found["version"], found["changedGates"])
        else:
            import asyncio  # noqa: PLC0415 - as above

            from app.cli.cluster_objects import read_version  # noqa: PLC0415 - as above

            cluster = asyncio.run(read_version(source))
            if cluster is not None:
                _add(answer, cluster.server, str(cluster.version), cluster.changed_gates)
    except CliError as error:
        return str(error)
    return ""


def _add(answer: dict[str, Any], server: str, rules: str, changed_gates: dict[str, bool]) -> None:
    known = {"clusterVersion": server, "rulesVersion": rules, "changedGates": changed_gates}
    answer.update({name: value for name, value in known.items() if value})


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
