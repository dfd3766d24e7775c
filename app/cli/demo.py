"""``demo``: schedules the Pods of a Job with the extender, without a cluster."""

import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from app.cli.problems import CliError, Exit
from app.cli.talk import counted, out, say, table

if TYPE_CHECKING:
    from app.cli.demo_cluster import DemoCluster
    from app.cli.demo_scheduler import Scheduled

_HINTS = (
    "Next:",
    "  {program} plan -f {folder}/dra-task-page.yaml --snapshot {folder}/inventory",
    "  {program} plan -f {folder}/workloads/four-gpus.yaml --snapshot {folder}/inventory",
    "  {program} devices --snapshot {folder}/inventory",
    "  {program} check -f {folder}/workloads/with-mistakes.yaml --snapshot {folder}/inventory",
    "  {program} demo --keep      keeps the page open",
)


class DemoError(CliError):
    """The demo did not have the expected result."""

    code = Exit.NO


@click.command()
@click.option("--keep", is_flag=True, help="Keep the page open until Ctrl-C.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of the service.  [default: a free port]"
)
def demo(*, keep: bool, port: int) -> int:
    """Show how the extender works, without a cluster.

    Serves the example inventory on a loopback port and sends it the Job of the Kubernetes task page
    as kube-scheduler would: filter, prioritize and bind over HTTP. Then sends a Pod that fits nowhere.
    """
    import asyncio  # noqa: PLC0415 - --help must be quick

    asyncio.run(_demo(port, keep=keep))
    return Exit.OK


async def _demo(port: int, *, keep: bool) -> None:
    from app.cli.demo_cluster import running_cluster  # noqa: PLC0415 - --help must be quick
    from app.cli.demo_scheduler import ExtenderError  # noqa: PLC0415 - as above

    async with running_cluster(port) as cluster:
        out(f"{cluster.described}, served at {cluster.url}")
        out("")
        out("The Job of the Kubernetes task page: ten Pods, two at a time. Each Pod goes through filter,")
        out("prioritize and bind over HTTP as kube-scheduler sends it. Each Pod gets its own large black")
        out("cat, and all share one claim on the big blue devices of a node.")
        out("")
        try:
            await _job(cluster)
            out("")
            await _misfit(cluster)
        except ExtenderError as error:
            raise DemoError(str(error)) from None
        out("")
        out("\n".join(_HINTS).format(program=_program(), folder=_short(str(cluster.folder))))
        if keep:
            say(f"\nThe page is at {cluster.url}/. Press Ctrl-C to stop.")
            await cluster.stopped()


async def _job(cluster: "DemoCluster") -> None:
    rows = []
    refused = []
    async for one in cluster.run_job():
        rows.append(_row(cluster, one))
        if one.node is None:
            refused.append(one)
    colors = ["red" if row[1] == "-" else "green" for row in rows]
    out(table(("POD", "NODE", "DEVICES", "FITS", "SCORE"), rows, colors))
    out("")
    out("FITS is the result of filter. If only one node fits, kube-scheduler does not request scores.")
    if refused:
        raise DemoError(f"{counted(len(refused), 'Pod')} of the Job not placed: {refused[0].refusals}")


async def _misfit(cluster: "DemoCluster") -> None:
    one = await cluster.run_misfit()
    name = one.pod["metadata"]["name"]
    if one.node is not None:
        raise DemoError(f"Pod {name} was placed on {one.node}, but must not fit anywhere")
    out(f"And a Pod that does not fit, {name}: it requests a large white cat. The reasons by node,")
    out("as kube-scheduler receives them:")
    out("")
    rows = [[node, reason] for node, reason in sorted(one.refusals.items())]
    out(table(("NODE", "REASON"), rows))


def _row(cluster: "DemoCluster", one: "Scheduled") -> list[str]:
    from app.cli.output.devices_text import devices_of  # noqa: PLC0415 - as above

    devices = "; ".join(
        f"{name}: {devices_of(allocation)}"
        for name, allocation, shared in (cluster.held(one.pod) if one.node is not None else ())
    )
    fits = f"{len(one.fitting)} of {counted(one.evaluated, 'node')}"
    score = str(one.score) if one.score is not None else "-"
    return [one.pod["metadata"]["name"], one.node or "-", devices or "-", fits, score]


def _program() -> str:
    """The program's name or path: it is not in the PATH after ``make demo``."""
    return "dra-extender" if shutil.which("dra-extender") else _short(sys.argv[0])


def _short(path: str) -> str:
    return min(path, os.path.relpath(path), key=len)
