"""``top``: how many devices are taken and free, by groups."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from app.cli import options
from app.cli.lists.listing import NO_VALUE, Item, ListQuery, head_of, listing, ordered, print_rows
from app.cli.output.formats import CSV
from app.cli.problems import Exit, InputError
from app.cli.source import Source
from app.cli.talk import say

_WORDS = ("driver", "pool", "node", "namespace", "state")
_PREFIXES = ("label", "attribute")
_HEADS = ("DEVICES", "TAKEN", "FREE", "UNAVAILABLE", "LARGEST FREE", "PERCENT")
_TOTAL = "TOTAL"
_COUNTS = ("devices", "taken", "free", "unavailable", "largestFree")


@click.command()
@options.anywhere
@listing(labels=False, named=False)
@click.option(
    "--by",
    multiple=True,
    metavar="GROUP",
    help="driver, pool, node, namespace, state, label:KEY (of nodes), or an attribute or capacity such as "
    "product. Several, separated by commas, count each combination.  [default: driver]",
)
@click.option("--node", default="", metavar="NAME", help="Only devices that this node can use.")
@click.option("--driver", default="", metavar="NAME", help="Only devices of this driver.")
@click.option(
    "-n",
    "--namespace",
    "held_in",
    default="",
    metavar="NAME",
    help="Only devices that claims of this namespace hold.",
)
def top(*, source: Source, view: ListQuery, by: tuple[str, ...], node: str, driver: str, held_in: str) -> int:
    """Show how many devices are taken and free, grouped by driver, node or label.

    LARGEST FREE is the most free devices that one node has, or one pool that several nodes use: no Pod can
    get more than that. UNAVAILABLE devices are tainted, or their pool is incomplete. The last line of a table
    counts each device once, even if it is in several groups.
    """
    groups = [_group(name) for text in by for name in text.split(",") if name]
    if by and not groups:
        raise InputError("--by names no group", "write it like --by node,driver")
    groups = groups or ["driver"]
    pairs = (("node", node), ("driver", driver), ("heldIn", held_in), ("labelSelector", view.labels))
    query: dict[str, Any] = {name: value for name, value in pairs if value} | {"by": groups}
    if view.watch:
        _watch(source, view, query, groups)
    else:
        _print(view, _read(source, query), groups)
    return Exit.OK


def _read(source: Source, query: dict[str, Any]) -> Item:
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick

    return ask(source, lambda asker: asker.get("/api/v1/usage", **query))


def _watch(source: Source, view: ListQuery, query: dict[str, Any], groups: list[str]) -> None:
    import time  # noqa: PLC0415 - as above

    known: Any = None
    while True:
        answer = _read(source, query)
        if answer["items"] != known:
            _print(view, answer, groups)
        known = answer["items"]
        time.sleep(options.POLL_SECONDS)


def _group(name: str) -> str:
    """A group as the API names it. Raises: InputError."""
    prefix, sign, key = name.replace("=", ":", 1).partition(":")
    if not sign:
        return name if name in _WORDS else f"attribute:{name}"
    if prefix not in _PREFIXES or not key:
        raise InputError(f"--by {name!r} is not a group", "write label:KEY or the name of an attribute")
    return f"{prefix}:{key}"


def _print(view: ListQuery, answer: Item, groups: list[str]) -> None:
    from app.cli.printing import print_data  # noqa: PLC0415 - as above

    items = ordered(answer["items"], view.sort_by)
    if not view.is_table and view.output != CSV:
        data = {"items": list(items), "total": answer["total"]}
        print_data(data, view.output, map(_name, items), rows=items, headers=view.headers)
        return
    heads = [*map(head_of, groups), *_HEADS]
    rows = [_row(item, groups) for item in items]
    if view.is_table:
        _, *empty = groups
        rows.append([_TOTAL, *("" for _ in empty), *_row(answer["total"], [])])
    print_rows(view, heads, rows, ["" for _ in items] + ["bold"] * (len(rows) - len(items)))
    for text in _unknown(items, groups):
        say(text)


def _unknown(items: Sequence[Item], groups: list[str]) -> Iterator[str]:
    """Keys that nothing counted has: most often a misspelled group, which is then taken for an attribute."""
    for name in groups:
        kind, _, key = name.partition(":")
        if key and items and not any(item["group"][name] for item in items):
            owners = "nodes has the label" if kind == "label" else "devices has"
            yield f"none of these {owners} {key!r}"


def _row(item: Item, groups: list[str]) -> list[str]:
    values = [item["group"][name] or NO_VALUE for name in groups]
    return [*values, *(str(item[field]) for field in _COUNTS), f"{item['percent']:g}"]


def _name(item: Item) -> str:
    return "/".join(item["group"].values())
