"""``snapshot``: saves a cluster's inventory as manifests."""

import json
import time
from pathlib import Path
from typing import Any

import click

from app.cli import options
from app.cli.durations import DurationParam
from app.cli.problems import Exit, InputError
from app.cli.source import Source
from app.cli.talk import counted, say, write


@click.command()
@options.inventory
@click.option(
    "-o", "--output", "target", default="-", metavar="FILE", help="Output file.  [default: - (stdout)]"
)
@click.option(
    "--all-pods", is_flag=True, help="Include Pods without claims, since they use resources of nodes."
)
@click.option(
    "--anonymize",
    is_flag=True,
    help="Replace names, labels and values, for bug reports: the verdicts stay the same.",
)
@click.option(
    "--trace",
    "trace_file",
    default="",
    metavar="FILE",
    help="Also record Pods with claims as a trace for simulate --trace, until interrupted.",
)
@click.option(
    "--for", "seconds", type=DurationParam(), help="How long to record with --trace, such as 90s, 5m or 1h."
)
def snapshot(
    *,
    source: Source,
    target: str,
    all_pods: bool,
    anonymize: bool,
    trace_file: str,
    seconds: float | None,
) -> int:
    """Save a cluster's inventory as one YAML List.

    Nodes, devices, classes, taint rules, claims, templates and the Pods with claims: ready for
    --snapshot of the other commands. It records the version and feature gates of the cluster. With
    --snapshot, reads manifests instead, such as those of kubectl get -o yaml in -.
    """
    from app.cli.cluster_objects import ClusterObjects, read_inventory  # noqa: PLC0415 - --help must be quick
    from app.cli.printing import yaml_text  # noqa: PLC0415 - as above

    options.must_go_together("seconds", "trace", given=bool(trace_file))
    inventory = read_inventory(source, say)
    objects = inventory.objects
    if trace_file:
        _record(source, trace_file, seconds)
    if not all_pods:
        objects = [item for item in objects if item.get("kind") != "Pod" or _has_claims(item)]
    if anonymize:
        objects = _anonymized(objects)
    text = yaml_text(ClusterObjects(objects, inventory.version).document())
    if target == "-":
        write(text)
        return Exit.OK
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target}: {error.strerror}") from None
    say(f"{counted(len(objects), 'object')} in {target}")
    return Exit.OK


def _anonymized(objects: list[Any]) -> list[Any]:
    """Raises: InputError."""
    from app.cli.anonymous.snapshots import anonymized  # noqa: PLC0415 - --help must be quick
    from app.core.model.errors import FieldError, path_text  # noqa: PLC0415 - as above

    try:
        found = anonymized(objects)
    except FieldError as error:
        raise InputError(f"{path_text(error.path)}: {error.reason}") from None
    if len(found) < len(objects):
        say(f"{counted(len(objects) - len(found), 'object')} of other kinds left out")
    return found


def _record(source: Source, target: str, seconds: float | None) -> None:
    """Polls every few seconds and at the end, and misses Pods that exist only between two polls."""
    from app.cli.cluster_objects import inventory_objects  # noqa: PLC0415 - --help must be quick
    from app.core.simulation.recorder import Recorder  # noqa: PLC0415 - as above

    recorder, end = Recorder(), time.monotonic() + (float("inf") if seconds is None else seconds)
    try:
        recorder.see(time.monotonic(), inventory_objects(source))
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, options.POLL_SECONDS))
            recorder.see(time.monotonic(), inventory_objects(source))
    except KeyboardInterrupt:
        say("interrupted: the trace up to now is saved")
    trace = recorder.trace("recorded")
    try:
        Path(target).write_text(json.dumps(trace, indent=1), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target}: {error.strerror}") from None
    say(f"{counted(len(trace['jobs']), 'Pod')} in {target}")


def _has_claims(pod: dict[str, Any]) -> bool:
    return bool((pod.get("spec") or {}).get("resourceClaims"))
