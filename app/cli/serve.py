"""``serve``: the extender service."""

from pathlib import Path
from typing import Any

import click

from app.cli import options
from app.cli.candidates import CandidatesParam
from app.cli.problems import Exit, InputError, UnreachableError
from app.cli.source import Source


@click.command()
@options.inventory
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on. 0 picks a free port.  [default: 8888]"
)
@click.option(
    "--probe-port",
    type=click.IntRange(0, 65535),
    help="Port of /livez for a kubelet, answered by a separate thread.  [default: none]",
)
@click.option(
    "--expander-port",
    type=click.IntRange(0, 65535),
    help="Port that answers Cluster Autoscaler's gRPC expander.  [default: none]",
)
@click.option(
    "--config", type=click.Path(path_type=Path), help="File with settings, of kind ExtenderConfiguration."
)
@click.option(
    "--roles",
    metavar="ROLES",
    help="What to serve: webhooks (decides and writes), api (the HTTP API and the page; only reads), or "
    "both.  [default: webhooks,api]",
)
@options.policy
@options.feature
@options.kubernetes_version
@click.option(
    "--candidates",
    type=CandidatesParam(),
    help="Return at most N of the fitting nodes, the best first, with the devices reserved on each; "
    "0: all, and nothing is reserved; auto: 1, and 8 where kube-scheduler's own scores are needed.  "
    "[default: auto]",
)
@click.option(
    "--preemption",
    type=click.Choice(["off", "evict", "answer"]),
    help="evict: evict Pods of lower priority for a Pod that fits nowhere. answer: return the victims to "
    "kube-scheduler (1.38).  [default: off]",
)
@click.option(
    "--cel-engine",
    type=click.Choice(["fast", "reference"]),
    help="Engine for CEL; reference is slow, for comparison.  [default: fast]",
)
@click.option("--log-format", type=click.Choice(["json", "text"]), help="Format of the log.  [default: json]")
@click.option(
    "-v",
    "--verbosity",
    type=click.IntRange(0, 10),
    help="Verbosity of the log. 1: each decision, 2: each event.",
)
@click.option("--leader-elect", is_flag=True, help="Enable leader election between replicas.")
@click.option("--leader-elect-name", help="Name of the Lease.  [default: dra-extender]")
@click.option("--leader-elect-namespace", help="Namespace of the Lease.  [default: the Pod's own]")
@click.option(
    "--leader-elect-identity", help="Identity of this replica in the Lease.  [default: the host name]"
)
@click.option(
    "--tls-cert-file", type=click.Path(path_type=Path), help="TLS certificate file (reloaded on change)."
)
@click.option("--tls-key-file", type=click.Path(path_type=Path), help="TLS private key file.")
@click.option(
    "--client-ca-file",
    type=click.Path(path_type=Path),
    help="File with CAs of client certificates. The webhooks then require a client certificate.",
)
@click.option(
    "--auth",
    type=click.Choice(["off", "token", "mtls"]),
    help="Authentication for /api/v1: none, by bearer token, or by client certificate.  [default: off]",
)
@click.option(
    "--webhooks-from",
    type=click.Choice(["auto", "certificate", "loopback", "anyone"]),
    help="Clients that may call the webhooks.  [default: auto: certificate if configured, else loopback]",
)
@click.option(
    "--allow-insecure-listen",
    is_flag=True,
    help="Allow listening without TLS or authentication on an address that is not loopback.",
)
@click.option(
    "--field-manager",
    help="Field manager for writes to claims; must be unique per installation.  [default: dra-extender]",
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
    help="How long a claim must be stale before it is repaired.  [default: 120]",
)
@click.option(
    "--reconcile-interval-seconds", type=float, help="Interval between full reconciliations.  [default: 15]"
)
@click.option(
    "--otlp-endpoint",
    metavar="URL",
    help="OpenTelemetry collector for spans, such as http://127.0.0.1:4318.  [default: no tracing]",
)
@click.option(
    "--overview-prometheus-url",
    metavar="URL",
    help="Prometheus that fills the last 24 hours of the overview at the start.  [default: none]",
)
@click.option(
    "--overview-prometheus-token-file",
    type=click.Path(path_type=Path),
    help="File with a bearer token for that Prometheus.",
)
@click.option("--overview-prometheus-username", help="User name for that Prometheus.")
@click.option(
    "--overview-prometheus-password-file",
    type=click.Path(path_type=Path),
    help="File with the password of that user.",
)
@click.option(
    "--overview-prometheus-ca-file",
    type=click.Path(path_type=Path),
    help="CA certificates of that Prometheus.  [default: those of the system]",
)
@click.option("--trace-ratio", type=float, help="Fraction of requests to trace.  [default: 1]")
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

    Serves kube-scheduler's webhooks, the HTTP API and the page.

    Uses a cluster (in-cluster by default), or manifests with --snapshot: a bind then changes only the
    copy in memory. Each setting can also be set as DRA_NAME in the environment, or in the file of
    --config.
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
        "kubernetes_version": flags["kubernetes_version"] or None,
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
