"""``make load-kwok``: a control plane with kwok for kubelets, the extender, and locust on both; headless.

Everything is real but the nodes: etcd, kube-apiserver, kube-controller-manager and kube-scheduler, from
``make control-plane``. With --server and --service the load goes to a KWOK cluster that you started yourself,
with the inventory that ``python -m loadtest.inventory`` writes. The exit code is locust's: 0 if nothing
failed and the checks of kwok_locustfile.py passed.
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from loadtest.inventory import DEVICES

HERE = Path(__file__).parent
CREATORS = 4
_DRAIN_SECONDS = 60
"""For the last Pods to finish."""


def run(given: argparse.Namespace) -> int:
    """The load, on the cluster given or on one for this run."""
    if given.server:
        return _locust(given, given.server.rstrip("/"), given.service.rstrip("/"))
    from loadtest.kwok_cluster import kwok_cluster, missing  # noqa: PLC0415 - with what make has built

    if why := missing():
        print(why, file=sys.stderr)
        return 2
    with kwok_cluster(given.nodes, given.candidates, given.logs) as (server, service):
        return _locust(given, server, service)


def _locust(given: argparse.Namespace, server: str, service: str) -> int:
    pods = round(given.rate * given.seconds)
    environment = os.environ | {
        "LOAD_SERVER": server,
        "LOAD_NODES": str(given.nodes),
        "LOAD_PODS": str(pods),
        "LOAD_PODS_PER_SECOND": str(given.rate),
        "LOAD_LIFE": f"{given.life:g}s",
        "LOAD_ASKERS": str(given.askers),
        "PYTHONPATH": str(HERE.parent),
    }
    print(
        f"{pods} Pods, {given.rate:g} a second, {given.life:g} s each; {given.askers} users ask", flush=True
    )
    users = str(CREATORS + given.askers)
    limit = f"{given.seconds + given.life + _DRAIN_SECONDS:g}s"
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "kwok_locustfile.py"), "--host", service]
    command += ["--headless", "-u", users, "-r", users, "-t", limit, "--only-summary"]
    return subprocess.run(command, env=environment, cwd=HERE.parent, check=False).returncode


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="load-kwok", description=__doc__)
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=30, help="for which Pods are created")
    parser.add_argument("--rate", type=float, default=20.0, help="Pods created a second")
    parser.add_argument("--life", type=float, default=5.0, help="seconds that a Pod runs")
    parser.add_argument("--askers", type=int, default=4, help="people with dry runs and lists meanwhile")
    parser.add_argument("--candidates", type=int, default=0, help="as of serve")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep the logs of all processes there")
    parser.add_argument("--server", help="URL of `kubectl proxy` to the API server of a cluster of your own")
    parser.add_argument("--service", help="URL of the extender of that cluster")
    given = parser.parse_args()
    if bool(given.server) != bool(given.service):
        parser.error("--server and --service go together")
    if given.nodes * DEVICES < 2 * given.rate * given.life:
        parser.error("too few --nodes: they need twice as many devices as --rate times --life")
    # As Ctrl-C does: the processes of the cluster end in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return run(given)


if __name__ == "__main__":
    sys.exit(main())
