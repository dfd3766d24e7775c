"""``snapshot``: what a cluster has, as manifests to answer from."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.options import Context, Kubeconfig
from app.cli.problems import InputError
from app.cli.talk import say


def snapshot(
    *,
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    target: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Where to write; - is stdout.")
    ] = "-",
    all_pods: Annotated[
        bool,
        typer.Option("--all-pods", help="Also Pods without claims: what they take of their nodes counts."),
    ] = False,
) -> None:
    """Writes nodes, devices, claims and their Pods as one YAML List, ready for --snapshot."""
    from app.cli.cluster_objects import cluster_objects  # noqa: PLC0415 # --help must be quick
    from app.cli.printing import yaml_text  # noqa: PLC0415 # as above
    from app.cli.source import Source  # noqa: PLC0415 # as above

    objects = cluster_objects(Source(kubeconfig=kubeconfig or "", context=context), say)
    if not all_pods:
        objects = [item for item in objects if item.get("kind") != "Pod" or _has_claims(item)]
    text = yaml_text({"apiVersion": "v1", "kind": "List", "items": objects})
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target}: {error.strerror}") from None
    say(f"{len(objects)} objects in {target}")


def _has_claims(pod: dict[str, Any]) -> bool:
    return bool((pod.get("spec") or {}).get("resourceClaims"))
