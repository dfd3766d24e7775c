"""Flags that several commands share, so that they read the same everywhere."""

import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import click

from app.cli.durations import DurationParam
from app.cli.output import formats
from app.cli.output.formats import OutputFormat
from app.cli.problems import InputError
from app.cli.source import Source
from app.cluster.auth.overrides import Overrides
from app.core.json_object import JsonObject

Command = Callable[..., int]
"""A command returns its exit code."""

POLL_SECONDS = 2.0
"""Interval of --watch and --wait."""
SERVER_VARIABLE = "DRA_EXTENDER_SERVER"
TABLE, WIDE, JSON, NAME = formats.TABLE, formats.WIDE, formats.JSON, formats.NAME


def _not_empty(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Refuses a value that a script has left empty: the default would be used instead."""
    source = context.get_parameter_source(parameter.name or "")
    if source is click.core.ParameterSource.COMMANDLINE and not value.strip():
        raise click.BadParameter("must not be empty", context, parameter)
    return value


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
_server = click.option(
    "--server",
    default="",
    metavar="URL",
    help="URL of a running dra-extender, such as http://127.0.0.1:8888. proxy or proxy:NAMESPACE/NAME finds "
    "the one in the cluster through the API server. DRA_EXTENDER_TOKEN contains the bearer token, "
    "DRA_EXTENDER_CA the path of the CA file.  [default: $DRA_EXTENDER_SERVER]",
)
kubeconfig = click.option(
    "--kubeconfig",
    default="",
    metavar="FILE",
    help="Kubeconfig of the cluster.  [default: $KUBECONFIG, the Pod's service account or ~/.kube/config]",
)
context = click.option("--context", default="", metavar="NAME", help="Context in the kubeconfig.")
global_flags: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "--cluster",
        default="",
        metavar="NAME",
        hidden=True,
        help="Cluster in the kubeconfig, instead of the context's.",
    ),
    click.option(
        "--user",
        default="",
        metavar="NAME",
        hidden=True,
        help="User in the kubeconfig, instead of the context's.",
    ),
    click.option(
        "--token",
        default="",
        metavar="TOKEN",
        hidden=True,
        help="Bearer token for the API server, or the service of --server. Other users of the machine can "
        "see it.",
    ),
    click.option(
        "--as",
        "impersonate",
        default="",
        metavar="USER",
        hidden=True,
        help="User to impersonate in the cluster.",
    ),
    click.option(
        "--as-group",
        "groups",
        multiple=True,
        metavar="GROUP",
        hidden=True,
        help="Group to impersonate in the cluster. Repeatable.",
    ),
    click.option(
        "--request-timeout",
        type=DurationParam(),
        default=None,
        metavar="DURATION",
        hidden=True,
        help="Time limit of one request, such as 30s or 2m; 0 is no limit.",
    ),
)
"""Flags of every command that reads a cluster or a service; `options` describes them, as in kubectl."""
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
    type=OutputFormat(TABLE, WIDE, JSON, formats.YAML, NAME),
    default=TABLE,
    show_default=True,
    help="Output format.",
)
watch = click.option(
    "-w",
    "--watch",
    is_flag=True,
    help="Watch for changes until interrupted; an interactive view on a terminal, if textual is installed.",
)
policy = click.option(
    "--policy",
    default="",
    callback=_not_empty,
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
    callback=_not_empty,
    metavar="X.Y",
    help="Minor version of Kubernetes, like 1.34.  [default: the cluster's or the snapshot's, else 1.37]",
)


def global_options() -> list[click.Option]:
    """The flags of ``global_flags``, in their order."""

    def bare() -> int:
        """Only to be decorated."""
        return 0

    for flag in reversed(global_flags):
        flag(bare)
    found: list[click.Option] = getattr(bare, "__click_params__", [])
    return found[::-1]


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
            request_timeout: float | None = None,
            **flags: Any,
        ) -> int:
            if [*snapshot, *flags.get("paths", ())].count("-") > 1:
                raise InputError("only one - can read stdin", "name a file instead of the others")
            overrides = Overrides(**{name: flags.pop(name) for name in Overrides.__dataclass_fields__})
            if not (snapshot or kubeconfig or context or overrides.cluster or overrides.user):
                server = server or (os.environ.get(SERVER_VARIABLE, "") if server_allowed else "")
            return command(
                source=Source(snapshot, server, kubeconfig, context, overrides, request_timeout), **flags
            )

        server_allowed = _server in options
        decorated: Command = with_source
        for option in reversed((*options, *global_flags)):
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
anywhere = _asking(snapshot, _server, kubeconfig, context)
inventory = _asking(snapshot, kubeconfig, context)
cluster = _asking(kubeconfig, context)
service = _asking(_server, kubeconfig, context)


def is_given(name: str) -> bool:
    """Whether the command line has this parameter of the command that runs, even with its default's value."""
    found = click.get_current_context().get_parameter_source(name)
    return found is click.core.ParameterSource.COMMANDLINE


def must_go_together(name: str, other: str, *, given: bool) -> None:
    """Refuses a parameter that has no effect without a flag. Raises: InputError."""
    if not given and is_given(name):
        command = click.get_current_context().command
        flag = next(item.opts[-1] for item in command.params if item.name == name)
        raise InputError(f"{flag} requires --{other}", f"add --{other}, or leave it out")


def must_not_go_together(name: str, *others: str) -> None:
    """Refuses parameters that have no effect beside a flag. Raises: InputError."""
    found = next((other for other in others if is_given(other)), None)
    if found is not None:
        flag, other = (f"--{text.replace('_', '-')}" for text in (name, found))
        raise InputError(f"{flag} excludes {other}", "remove one of them")


def dry_run_fields(
    *,
    replicas: int | None,
    policy: str,
    nodes: Iterable[str],
    kubernetes_version: str,
    feature: Iterable[str],
    changed: JsonObject,
    **more: Any,
) -> JsonObject:
    """What the flags of a dry run give as fields of its request. Raises: InputError."""
    wanted: JsonObject = {
        "replicas": replicas,
        "policy": policy or None,
        "nodes": list(nodes),
        "kubernetesVersion": kubernetes_version or None,
        "features": switches(feature),
        **more,
        **changed,
    }
    return {name: value for name, value in wanted.items() if value not in (None, [], {})}


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
