"""``serve``: the extender service."""

from pathlib import Path
from typing import Any

import click

from app.cli import options
from app.cli.problems import Exit, InputError, UnreachableError
from app.cli.source import Source


@click.command()
@options.inventory
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 is any free one.  [default: 8888]")
@click.option(
    "--config", type=click.Path(path_type=Path), help="Settings, as a file of kind ExtenderConfiguration."
)
@options.policy
@options.feature
@click.option(
    "--candidates",
    type=click.IntRange(min=0),
    help="Pass on so many of the nodes that fit, the best first; 0: all. Of one alone the devices are kept "
    "until the bind.  [default: 1]",
)
@click.option(
    "--preemption",
    type=click.Choice(["off", "evict", "answer"]),
    help="evict: Pods of lower priority make room for one that fits nowhere else; answer: kube-scheduler "
    "(1.38) is told which.  [default: off]",
)
@click.option("--cel-engine", type=click.Choice(["fast", "reference"]), help="[default: fast]")
@click.option("--log-format", type=click.Choice(["json", "text"]), help="[default: json]")
@click.option("-v", "--verbosity", type=click.IntRange(0, 10), help="1: each decision, 2: each event.")
@click.option(
    "--leader-elect", is_flag=True, help="Let only the holder of a Lease write, of several replicas."
)
@click.option("--leader-elect-name", help="Name of the Lease.  [default: dra-extender]")
@click.option("--leader-elect-namespace", help="Namespace of the Lease.  [default: the Pod's own]")
@click.option("--leader-elect-identity", help="What the Lease calls this replica.  [default: the host name]")
@click.option(
    "--tls-cert-file", type=click.Path(path_type=Path), help="Certificate; taken up again when it changes."
)
@click.option("--tls-key-file", type=click.Path(path_type=Path), help="Its key.")
@click.option(
    "--client-ca-file",
    type=click.Path(path_type=Path),
    help="CAs of client certificates: the webhooks then ask for one.",
)
@click.option(
    "--auth",
    type=click.Choice(["off", "token", "mtls"]),
    help="Who may ask /api/v1: anyone, by bearer token, by client certificate.  [default: off]",
)
@click.option(
    "--webhooks-from",
    type=click.Choice(["auto", "certificate", "loopback", "anyone"]),
    help="Who may call the webhooks.  [default: auto, certificate or else loopback]",
)
@click.option("--allow-insecure-listen", is_flag=True, help="Listen on an address that others can reach.")
@click.option(
    "--field-manager",
    help="The name that writes to claims are kept under; one for each installation.  [default: dra-extender]",
)
@click.option(
    "--binding-timeout-seconds", type=float, help="How long devices may take to get ready.  [default: 600]"
)
@click.option(
    "--bind-seconds", type=float, help="How long a bind may wait; below httpTimeout.  [default: 620]"
)
@click.option(
    "--reconcile-grace-seconds",
    type=float,
    help="How long a claim must look left over before it is mended.  [default: 120]",
)
@click.option("--reconcile-interval-seconds", type=float, help="Between looks at all claims.  [default: 15]")
@click.option(
    "--otlp-endpoint",
    metavar="URL",
    help="Send spans to this OpenTelemetry collector, like http://127.0.0.1:4318.  [default: no tracing]",
)
@click.option("--trace-ratio", type=float, help="Part of the requests that are traced.  [default: 1]")
def serve(
    *,
    source: Source,
    config: Path | None,
    feature: tuple[str, ...],
    allow_insecure_listen: bool,
    leader_elect: bool,
    **flags: Any,
) -> int:
    """Run the extender service.

    For kube-scheduler's webhooks, for dry runs over HTTP, and for the page.

    Serves a cluster (in-cluster by default), or manifests with --snapshot: binds then change the copy
    in memory only. Every setting can also be given as DRA_NAME in the environment or in --config.
    """
    from app.cluster.client.errors import CredentialsError  # noqa: PLC0415 - --help must be quick
    from app.main import serve as run  # noqa: PLC0415 - as above
    from app.manifests.reader import ManifestError  # noqa: PLC0415 - as above
    from app.settings.settings import SettingsError, load_settings  # noqa: PLC0415 - as above

    flags |= {
        "kubeconfig": source.kubeconfig or None,
        "context": source.context or None,
        "snapshot": source.snapshot,
        "policy": flags["policy"] or None,
        "features": options.switches(feature) or None,
        "allow_insecure_listen": allow_insecure_listen or None,
        "leader_elect": leader_elect or None,
    }
    try:
        run(load_settings(flags, config))
    except (SettingsError, ManifestError) as error:
        raise InputError(str(error)) from None
    except CredentialsError as error:
        raise UnreachableError(str(error), "or serve manifests with --snapshot") from None
    return Exit.OK
