"""``snapshot``: what a cluster has, as manifests to answer from."""

import json
import time
from pathlib import Path
from typing import Any

import click

from app.cli import options
from app.cli.problems import Exit, InputError
from app.cli.source import Source
from app.cli.talk import say, write
from app.cli.waiting import Duration


@click.command()
@options.cluster
@click.option(
    "-o", "--output", "target", default="-", metavar="FILE", help="Where to write.  [default: - (stdout)]"
)
@click.option(
    "--all-pods", is_flag=True, help="Also Pods without claims: what they take of their nodes counts."
)
@click.option(
    "--trace",
    "trace_file",
    default="",
    metavar="FILE",
    help="Also watch Pods with claims come and go, and write that for simulate --trace; until interrupted.",
)
@click.option("--for", "seconds", type=Duration(), help="How long to watch, with --trace: 90s, 5m, 1h.")
def snapshot(*, source: Source, target: str, all_pods: bool, trace_file: str, seconds: float | None) -> int:
    """Write a cluster's inventory as one YAML List.

    Nodes, devices, classes, taint rules, claims, templates and the Pods with claims: ready for
    --snapshot of the other commands.
    """
    from app.cli.cluster_objects import inventory_objects  # noqa: PLC0415 - --help must be quick
    from app.cli.printing import yaml_text  # noqa: PLC0415 - as above

    objects = inventory_objects(source, say)
    if trace_file:
        _record(source, trace_file, seconds)
    if not all_pods:
        objects = [item for item in objects if item.get("kind") != "Pod" or _has_claims(item)]
    text = yaml_text({"apiVersion": "v1", "kind": "List", "items": objects})
    if target == "-":
        write(text)
        return Exit.OK
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target}: {error.strerror}") from None
    say(f"{len(objects)} objects in {target}")
    return Exit.OK


def _record(source: Source, target: str, seconds: float | None) -> None:
    """Looks every few seconds, and at the end; what comes and goes between two looks is not seen."""
    from app.cli.cluster_objects import inventory_objects  # noqa: PLC0415 - --help must be quick
    from app.core.simulation.recorder import Recorder  # noqa: PLC0415 - as above

    recorder, end = Recorder(), time.monotonic() + (float("inf") if seconds is None else seconds)
    try:
        recorder.see(time.monotonic(), inventory_objects(source))
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, options.POLL_SECONDS))
            recorder.see(time.monotonic(), inventory_objects(source))
    except KeyboardInterrupt:
        say("interrupted: what was seen is kept")
    trace = recorder.trace("recorded")
    try:
        Path(target).write_text(json.dumps(trace, indent=1), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target}: {error.strerror}") from None
    say(f"{len(trace['jobs'])} Pods in {target}")


def _has_claims(pod: dict[str, Any]) -> bool:
    return bool((pod.get("spec") or {}).get("resourceClaims"))
