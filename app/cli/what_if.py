"""Flags that simulate a change of the cluster: drained nodes, tainted devices, more nodes, removed
objects.
"""

import math
import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import click

from app.cli.problems import InputError
from app.core.json_object import JsonObject

Command = Callable[..., int]
_TAINT = re.compile(r"(?P<device>[^=]+)=(?P<key>[^=:]+)(=(?P<value>[^=:]*))?:(?P<effect>[A-Za-z]+)\Z")
_OPTIONS = (
    click.option(
        "--drain",
        multiple=True,
        metavar="NODE",
        help="Simulate a drain of this node: its Pods with claims are placed again first. Repeatable.",
    ),
    click.option(
        "--taint",
        multiple=True,
        metavar="DRIVER[/POOL[/DEVICE]]=KEY[=VALUE]:EFFECT",
        help="Simulate a taint on these devices. Repeatable.",
    ),
    click.option(
        "--add-nodes",
        type=click.IntRange(1),
        metavar="N",
        help="Simulate N extra nodes like the one of --like.",
    ),
    click.option(
        "--like",
        multiple=True,
        metavar="NODE",
        help="Node to clone for --add-nodes; with --nodes-needed NODE=PRICE, repeatable.",
    ),
    click.option(
        "--remove-claim",
        multiple=True,
        metavar="[NAMESPACE/]NAME",
        help="Simulate that this claim is deleted and its devices are free. Repeatable.",
    ),
    click.option(
        "--remove",
        multiple=True,
        metavar="KIND/[NAMESPACE/]NAME",
        help="Simulate that this object of the inventory is deleted. Repeatable.",
    ),
)


def changes(command: Command) -> Command:
    """Combines the flags into one argument, ``changed``: fields of a request to /api/v1."""

    @wraps(command)
    def with_changes(
        *,
        drain: tuple[str, ...],
        taint: tuple[str, ...],
        add_nodes: int | None,
        like: tuple[str, ...],
        remove_claim: tuple[str, ...],
        remove: tuple[str, ...],
        namespace: str,
        **flags: Any,
    ) -> int:
        if flags.get("nodes_needed"):
            flags["nodes_needed"] = _shapes(like, add_nodes)
            like = ()
        if (add_nodes is None) == bool(like) or len(like) > 1:
            raise InputError(
                "--add-nodes and --like require each other", "write --add-nodes 10 --like worker-1"
            )
        changed: JsonObject = {
            "drain": list(drain),
            "taints": [_taint(text) for text in taint],
            "addNodes": [{"like": like[0], "count": add_nodes}] if add_nodes is not None else [],
            "remove": [
                *(_removal(text, namespace) for text in remove),
                *(_removed_claim(text, namespace) for text in remove_claim),
            ],
        }
        given = {name: value for name, value in changed.items() if value}
        return command(changed=given, namespace=namespace, **flags)

    decorated: Command = with_changes
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _shapes(like: Sequence[str], add_nodes: int | None) -> list[JsonObject]:
    """Nodes that may be added, and their prices."""
    if not like or add_nodes is not None:
        raise InputError(
            "--nodes-needed requires --like, and excludes --add-nodes", "write --like worker-1=2.5"
        )
    found: list[JsonObject] = []
    for text in like:
        name, equals, price = text.rpartition("=")
        try:
            value = float(price) if equals else 1.0
        except ValueError:
            raise InputError(f"--like {text!r}: {price!r} is not a price", "as in worker-1=2.5") from None
        if not math.isfinite(value):
            raise InputError(f"--like {text!r}: the price must be a finite number", "as in worker-1=2.5")
        found.append({"like": name, "price": value} if equals else {"like": text})
    return found


def _taint(text: str) -> JsonObject:
    """The syntax of ``kubectl taint``, after the devices. The last slash is the one before the device."""
    found = _TAINT.match(text)
    if found is None:
        hint = "write it like gpu.example.com/worker-1/gpu-0=repair:NoSchedule"
        raise InputError(f"--taint {text!r} is not DRIVER[/POOL[/DEVICE]]=KEY[=VALUE]:EFFECT", hint)
    driver, *rest = found["device"].split("/")
    names: Sequence[str | None] = [None, None]
    if len(rest) == 1:
        names = [rest[0], None]
    elif rest:
        names = ["/".join(rest[:-1]), rest[-1]]
    taint = {"key": found["key"], "value": found["value"] or "", "effect": found["effect"]}
    return {"driver": driver, "pool": names[0], "device": names[1]} | taint


def _removal(text: str, namespace: str) -> dict[str, str]:
    kind, *names = text.split("/")
    if not kind or not all(names) or len(names) not in (1, 2):
        raise InputError(f"--remove {text!r} is not KIND/NAME", "write it like Node/worker-1")
    return {"kind": kind, "name": names[-1], "namespace": names[0] if len(names) == 2 else namespace}


def _removed_claim(text: str, namespace: str) -> dict[str, str]:
    names = text.split("/")
    if not all(names) or len(names) > 2:
        raise InputError(
            f"--remove-claim {text!r} is not [NAMESPACE/]NAME", "write it like default/gpu-claim"
        )
    return _removal(f"ResourceClaim/{text}", namespace)
