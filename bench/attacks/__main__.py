"""``make attack``: every attack on a running service, and what others notice of it, as a table.

The service has leader election, and a cluster in memory. Beside each attack another Pod is filtered on 100
nodes, /livez is asked for on both ports, and the Lease is read.
"""

import argparse
import asyncio
import fnmatch
import json
import sys
from pathlib import Path
from typing import Any

from bench.attacks.inputs import Attack, attacks
from bench.attacks.probe import CLAIMS, Noticed, probing
from bench.attacks.served import Served, served
from bench.scenes import SCENES

_LEAST = 25
_FILTER_CPU_SECONDS, _LIVEZ_SECONDS = 0.1, 1.0
_LIMIT_MEGABYTES = 2048
"""Of the chart."""
_COLUMNS = ("nodes", "attack", "filter p99", "slowest", "longest turn", "/livez", "lease", "MB", "end")


async def measure(service: Served, name: str, attack: Attack) -> dict[str, Any]:
    """One attack, with the probe beside it."""
    before = await service.lease()
    service.longest_turn.clear()
    async with probing(service, _LEAST) as noticed:
        end = await attack(service)
    seconds, where = service.longest_turn.read()
    row = _row(service, name, noticed, seconds)
    kept = before == await service.lease()
    row |= {"lease": "kept" if kept else "LOST", "end": end, "where": where}
    row["beyond"] = _beyond(row, noticed, kept=kept)
    return row


def _row(service: Served, name: str, noticed: Noticed, turn_seconds: float) -> dict[str, Any]:
    return {
        "nodes": len(service.nodes),
        "attack": name,
        "filter p99": round(1e3 * noticed.cpu_p99(), 1),
        "slowest": round(1e3 * max(noticed.filter_seconds), 1),
        "longest turn": round(1e3 * turn_seconds, 1),
        "/livez": round(1e3 * max(noticed.livez), 1),
        "MB": noticed.megabytes,
        "failed": noticed.failed[:3],
    }


def _beyond(row: dict[str, Any], noticed: Noticed, *, kept: bool) -> list[str]:
    """What is beyond the limits."""
    found = []
    if noticed.cpu_p99() >= _FILTER_CPU_SECONDS:
        found.append("filter")
    if noticed.failed:
        found.append(f"{len(noticed.failed)} filters failed")
    if max(noticed.livez) >= _LIVEZ_SECONDS:
        found.append("livez")
    if not kept:
        found.append("lease")
    if row["MB"] >= _LIMIT_MEGABYTES:
        found.append("memory")
    return found


async def run(nodes: int, chosen: dict[str, Attack], rows: list[dict[str, Any]]) -> None:
    """All attacks on one service, one after the other."""
    scene = next(scene for scene in SCENES if scene.name == "unique")
    objects = scene.objects(nodes) + [scene.claim(f"probe-{index}") for index in range(CLAIMS)]
    names = [f"node-{number:05}" for number in range(nodes)]
    async with served(objects, names) as service:
        for name, attack in chosen.items():
            row = await measure(service, name, attack)
            rows.append(row)
            print(*(f"{row[column]!s:>12}" for column in _COLUMNS), *row["beyond"], flush=True)


def main() -> int:
    """Reads the command line. The exit code is 1 if an attack goes beyond a limit."""
    parser = argparse.ArgumentParser(prog="attacks", description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[200, 5000])
    parser.add_argument("--only", nargs="*", default=["*"], help="patterns of names of attacks")
    parser.add_argument("--to", type=Path, default=None, help="JSON file for the rows")
    given = parser.parse_args()
    chosen = {
        name: attack
        for name, attack in attacks().items()
        if any(fnmatch.fnmatch(name, pattern) for pattern in given.only)
    }
    print(*(f"{column:>12}" for column in _COLUMNS), flush=True)
    rows: list[dict[str, Any]] = []
    try:
        for nodes in given.nodes:
            asyncio.run(run(nodes, chosen, rows))
    finally:
        if given.to is not None:
            given.to.write_text(json.dumps(rows, indent=1) + "\n")
    return int(any(row["beyond"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
