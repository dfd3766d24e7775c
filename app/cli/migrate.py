"""``migrate``: what to know before Pods move from one scheduler to another."""

from typing import TYPE_CHECKING, Any

import click

from app.cli import options
from app.cli.problems import Exit
from app.cli.source import Source
from app.cli.talk import counted, out, say, table

if TYPE_CHECKING:
    from app.core.advice.allocators import Allocators

_SHOWN = 3
"""Names of Pods in a line; -o json has all."""


@click.group()
def migrate() -> None:
    """Move Pods between the in-tree plugin and dra-extender.

    Each driver must have one allocator. `migrate check` finds the drivers and claims that have two.
    """


@migrate.command()
@options.inventory
@options.output
def check(*, source: Source, output: str) -> int:
    """List the Pods of each driver by scheduler, and what two schedulers would allocate.

    Exit code 1 if Pods of different schedulers request devices of one driver, or share a claim.
    """
    from app.cli.printing import print_data  # noqa: PLC0415 - --help must be quick

    found = _found(source)
    contested = found.contested()
    if output in (options.TABLE, options.WIDE):
        _print(found, contested)
    else:
        print_data(_json(found, contested), output, [f"driver/{name}" for name in contested])
    return Exit.NO if contested or found.shared else Exit.OK


def _found(source: Source) -> "Allocators":
    """Raises: InputError, UnreachableError."""
    from app.cli.cluster_objects import read_inventory  # noqa: PLC0415 - as above
    from app.core.advice.allocators import allocators  # noqa: PLC0415 - as above
    from app.core.model.errors import ObjectError  # noqa: PLC0415 - as above
    from app.core.model.parse import parse  # noqa: PLC0415 - as above
    from app.core.model.workload import Workload  # noqa: PLC0415 - as above
    from app.core.state.state import State  # noqa: PLC0415 - as above
    from app.core.versions.cluster_version import ClusterVersion  # noqa: PLC0415 - as above
    from app.settings.settings import Settings  # noqa: PLC0415 - as above
    from app.wiring.rules import rules_of  # noqa: PLC0415 - as above

    inventory, state = read_inventory(source), State()
    for raw in inventory.objects:
        try:
            item = parse(raw)
        except ObjectError as error:
            say(f"left out: {error}")
            continue
        if not isinstance(item, Workload):
            state.upsert(item)
    settings = Settings()
    return allocators(state, rules_of(settings, inventory.version or ClusterVersion()))


def _print(found: "Allocators", contested: dict[str, tuple[str, ...]]) -> None:
    head = ("DRIVER", "SCHEDULER", "HOLDING", "WAITING", "PODS")
    rows = [
        (
            use.driver,
            use.scheduler,
            str(len(use.holding)),
            str(len(use.waiting)),
            _names(["/".join(key) for key in (*use.holding, *use.waiting)]),
        )
        for use in found.uses
    ]
    out(table(head, rows, ["red" if use.driver in contested else "" for use in found.uses]))
    for key, why in found.unknown:
        say(f"unknown: Pod {'/'.join(key)}: {why}")
    for driver, schedulers in contested.items():
        say(f"driver {driver}: {' and '.join(schedulers)} would both allocate its devices")
    for item in found.shared:
        say(f"claim {'/'.join(item.claim)}: Pods of {' and '.join(item.schedulers)} share it")
    if not contested and not found.shared:
        say(f"{counted(len({use.driver for use in found.uses}), 'driver')}, each with one scheduler")


def _names(names: list[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _json(found: "Allocators", contested: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    return {
        "drivers": [
            {
                "driver": use.driver,
                "scheduler": use.scheduler,
                "holding": ["/".join(key) for key in use.holding],
                "waiting": ["/".join(key) for key in use.waiting],
                "contested": use.driver in contested,
            }
            for use in found.uses
        ],
        "sharedClaims": [
            {"claim": "/".join(item.claim), "schedulers": list(item.schedulers)} for item in found.shared
        ],
        "unknown": [{"pod": "/".join(key), "reason": why} for key, why in found.unknown],
    }
