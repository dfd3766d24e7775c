"""Flags that several commands share, so that they read the same everywhere."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import click

from app.cli.problems import InputError
from app.cli.source import Source

Command = Callable[..., int]
"""A command returns its exit code."""

POLL_SECONDS = 2.0
"""Interval of --watch and --wait."""
TABLE, WIDE, JSON, YAML, NAME = "table", "wide", "json", "yaml", "name"

files = click.option(
    "-f",
    "--filename",
    "paths",
    multiple=True,
    required=True,
    metavar="FILE...",
    help="Files, folders or - (stdin): YAML or JSON.",
)
maybe_files = click.option(
    "-f",
    "--filename",
    "paths",
    multiple=True,
    metavar="FILE...",
    help="Files, folders or - (stdin): YAML or JSON.",
)
snapshot = click.option(
    "--snapshot",
    multiple=True,
    metavar="PATH...",
    help="Read manifests instead of a cluster: files, folders or -.",
)
server = click.option(
    "--server",
    default="",
    metavar="URL",
    help="URL of a running dra-extender, such as http://127.0.0.1:8888. DRA_EXTENDER_TOKEN contains "
    "the bearer "
    "token, DRA_EXTENDER_CA the path of the CA file.",
)
kubeconfig = click.option(
    "--kubeconfig",
    default="",
    metavar="FILE",
    help="Kubeconfig of the cluster.  [default: $KUBECONFIG, the Pod's service account or ~/.kube/config]",
)
context = click.option("--context", default="", metavar="NAME", help="Context in the kubeconfig.")
_namespace = click.option(
    "-n",
    "--namespace",
    default="",
    metavar="NAME",
    help="Namespace for objects that don't set one.  [default: the context's, else default]",
)
output = click.option(
    "-o",
    "--output",
    type=click.Choice([TABLE, WIDE, JSON, YAML, NAME]),
    default=TABLE,
    show_default=True,
    help="Output format.",
)
watch = click.option("-w", "--watch", is_flag=True, help="Watch for changes until interrupted.")
policy = click.option(
    "--policy",
    default="",
    metavar="NAME",
    help="Scoring policy (docs/policies.md), or several with weights: least-fragmentation=2,spread=1.",
)
feature = click.option(
    "--feature",
    multiple=True,
    metavar="NAME=true|false",
    help="Enable or disable a feature gate of the allocator. Repeatable.",
)

generated = click.option(
    "--generated",
    multiple=True,
    metavar="[NAMESPACE/]NAME",
    help="A ResourceClaimTemplate that a controller creates, so that no file holds it; repeatable.",
)
kubernetes_version = click.option(
    "--kubernetes-version",
    default="",
    metavar="X.Y",
    help="Minor version of Kubernetes, like 1.34.  [default: the cluster's or the snapshot's, else 1.37]",
)


def _asking(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Combines the flags that select the source into one argument, ``source``."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_source(
            *,
            snapshot: tuple[str, ...] = (),
            server: str = "",
            kubeconfig: str = "",
            context: str = "",
            **flags: Any,
        ) -> int:
            return command(source=Source(snapshot, server, kubeconfig, context), **flags)

        decorated: Command = with_source
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _owning(name_of: Callable[[Source, str], str]) -> Callable[[Command], Command]:
    """Combines the flag and the source into one argument, ``namespace``.

    Apply it below the decorator of ``source``.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_namespace(*, source: Source, namespace: str, **flags: Any) -> int:
            return command(source=source, namespace=name_of(source, namespace), **flags)

        decorated: Command = _namespace(with_namespace)
        return decorated

    return decorate


namespace = _owning(Source.namespace)
namespace_of_inventory = _owning(Source.namespace_of_inventory)
anywhere = _asking(snapshot, server, kubeconfig, context)
inventory = _asking(snapshot, kubeconfig, context)
cluster = _asking(kubeconfig, context)


def switches(texts: Iterable[str]) -> dict[str, bool]:
    """The values of ``--feature``. Raises: InputError."""
    result: dict[str, bool] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or (equals and value not in ("true", "false")):
            hint = "write it like ConsumableCapacity=false"
            raise InputError(f"--feature {text!r} is not NAME=true or NAME=false", hint)
        result[name] = value != "false"
    return result
