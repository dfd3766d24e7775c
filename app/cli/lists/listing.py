"""How all lists read: names and labels to select, order, columns, formats, and watching."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import click

from app.cli import options
from app.cli.output.formats import CSV, JSON, NAME, TABLE, WIDE, YAML, OutputFormat
from app.cli.problems import InputError
from app.cli.source import Source
from app.cli.talk import counted, out, say, table, terminal_width, write

Item = dict[str, Any]
Query = dict[str, str | list[str]]
GONE = "gone"
NO_VALUE = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``wide``: only with -o wide."""

    head: str
    text: Callable[[Item], str]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class ListKind:
    """What is listed.

    ``prefixes`` are the words before a slash in names, as in pod/NAME; the first is what -o name prints, if
    ``own`` returns no longer name. ``path`` is the list of the API.
    """

    noun: str
    path: str
    columns: tuple[Column, ...]
    identity: Callable[[Item], tuple[str, ...]]
    color: Callable[[Item], str]
    prefixes: tuple[str, ...] = ()
    namespaced: bool = False

    def name_of(self, item: Item) -> str:
        """As -o name prints it."""
        own = self.identity(item)
        return f"{self.prefixes[0]}/{own[-1]}" if self.prefixes else "/".join(own)

    def names(self, item: Item) -> tuple[str, ...]:
        """All names of an item by which an argument may call it."""
        own = self.identity(item)
        return tuple("/".join(own[start:]) for start in range(len(own)))


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What the flags and arguments of a list request."""

    names: tuple[str, ...] = ()
    namespace: str = ""
    labels: str = ""
    output: str = TABLE
    watch: bool = False
    headers: bool = True
    sort_by: str = ""
    label_columns: tuple[str, ...] = ()
    show_labels: bool = False

    @property
    def is_table(self) -> bool:
        """Whether people read it."""
        return self.output in (TABLE, WIDE)


_NAMES = click.argument("names", nargs=-1, metavar="[NAME]...")
_OUTPUT = click.option(
    "-o",
    "--output",
    type=OutputFormat(TABLE, WIDE, JSON, YAML, NAME, CSV),
    default=TABLE,
    show_default=True,
    help="Output format.",
)
_LABELS = click.option(
    "-l",
    "--selector",
    "labels",
    default="",
    metavar="LABELS",
    help="Only objects with these labels: a=b,c!=d,e in (f,g).",
)
_NODE_LABELS = click.option(
    "-l",
    "--node-labels",
    "labels",
    default="",
    metavar="LABELS",
    help="Only of nodes with these labels: a=b,c!=d,e in (f,g).",
)
_HEADERS = click.option("--no-headers", is_flag=True, help="Print no line with the names of the columns.")
_SORT = click.option(
    "--sort-by", default="", metavar="PATH", help="Sort by a field of -o json, such as .created."
)
_LABEL_COLUMNS = click.option(
    "-L",
    "--label-columns",
    multiple=True,
    metavar="KEY",
    help="Labels to show as columns, separated by commas. Repeatable.",
)
_SHOW_LABELS = click.option("--show-labels", is_flag=True, help="Show all labels in the last column.")
_NAMESPACE = click.option(
    "-n", "--namespace", default="", metavar="NAME", help="Only in this namespace.  [default: all]"
)
_ALL_NAMESPACES = click.option(
    "-A", "--all-namespaces", is_flag=True, help="In all namespaces, which is the default."
)


def listing(
    *, namespaced: bool = False, labels: bool | None = True, named: bool = True, watched: bool = True
) -> Callable[[options.Command], options.Command]:
    """Combines names and flags of a list into one argument, ``view``.

    Args:
        namespaced: whether -n and -A select.
        labels: whether the items have labels; False: those of their nodes select, None: there are none.
        named: whether names are arguments.
        watched: whether there is a --watch.
    """
    chosen = [_NAMES] if named else []
    chosen += [_OUTPUT, options.watch] if watched else [_OUTPUT]
    chosen += {True: [_LABELS, _LABEL_COLUMNS, _SHOW_LABELS], False: [_NODE_LABELS], None: []}[labels]
    chosen += [_HEADERS, _SORT]
    chosen += [_NAMESPACE, _ALL_NAMESPACES] if namespaced else []

    def decorate(command: options.Command) -> options.Command:
        @wraps(command)
        def with_view(
            *,
            no_headers: bool,
            label_columns: tuple[str, ...] = (),
            all_namespaces: bool = False,
            namespace: str = "",
            **flags: Any,
        ) -> int:
            own = {name: flags.pop(name) for name in tuple(flags) if name in ListQuery.__dataclass_fields__}
            keys = tuple(key for text in label_columns for key in text.split(",") if key)
            view = ListQuery(
                **own,
                headers=not no_headers,
                label_columns=keys,
                namespace="" if all_namespaces else namespace,
            )
            return command(view=view, **flags)

        decorated: options.Command = with_view
        for option in reversed(chosen):
            decorated = option(decorated)
        return decorated

    return decorate


def show(
    kind: ListKind,
    source: Source,
    view: ListQuery,
    query: Query,
    *,
    selected: Callable[[Item], bool] = lambda _: True,
    narrow: Callable[[list[Item]], list[Item]] = lambda items: items,
) -> None:
    """Reads the list from the source and prints it. With --watch, until interrupted.

    Args:
        query: parameters of the API that do not change while an item exists.
        selected: what may change, such as a state.
        narrow: applied to all items of one response.

    Raises: CliError: also for a name that no item has.
    """
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.waiting import watched  # noqa: PLC0415 - as above

    if view.watch and view.output == TABLE and not (view.names or query or view.labels or view.namespace):
        from app.cli.view.session import begin, is_possible  # noqa: PLC0415 - as above

        if is_possible():
            begin(source, kind)
            return
    view = replace(view, names=tuple(_plain_name(kind, name) for name in view.names))
    query = query | _query_of(view)

    def evaluation() -> list[Item]:
        return narrow(ask(source, lambda asker: asker.items(kind.path, **query)))

    headers = view.headers
    rounds = None if view.watch else 1
    for items in watched(evaluation, kind.identity, selected, options.POLL_SECONDS, rounds):
        absent = [] if view.watch else _absent(kind, view, items)
        if items or not absent:
            print_items(kind, replace(view, headers=headers), items)
        headers = False
        if absent:
            raise InputError(f"no {kind.noun} {', '.join(absent)}")
        if not view.watch and view.is_table and view.headers:
            say(counted(len(items), kind.noun))


def print_items(kind: ListKind, view: ListQuery, items: Sequence[Item]) -> None:
    """Prints items in the format of the view. Raises: InputError for a path that does not suit them."""
    from app.cli.printing import print_data  # noqa: PLC0415 - as above

    items = ordered(items, view.sort_by)
    if view.is_table or view.output == CSV:
        columns = shown_columns(kind, view)
        print_rows(view, [column.head for column in columns], _rows(columns, items), map(kind.color, items))
        return
    # As in kubectl: one name gives the object itself.
    one = len(view.names) == 1 and len(items) == 1 and not view.watch
    answer = items[0] if one else list(items)
    print_data(answer, view.output, map(kind.name_of, items), rows=items, headers=view.headers)


def print_rows(
    view: ListQuery, heads: Sequence[str], rows: Sequence[Sequence[str]], colors: Iterable[str] = ()
) -> None:
    """Prints a table that fits the terminal, or CSV."""
    if view.output == CSV:
        write(csv_text(heads, rows, headers=view.headers))
        return
    if not rows and not view.headers:
        return
    width = terminal_width() if view.output == TABLE else None
    out(table(heads, rows, list(colors), headers=view.headers, width=width))


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[str]], *, headers: bool = True) -> str:
    """RFC 4180, with line feeds."""
    import csv  # noqa: PLC0415 - one of several formats
    import io  # noqa: PLC0415 - as above

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if headers:
        writer.writerow(heads)
    writer.writerows(rows)
    return text.getvalue()


def shown_columns(kind: ListKind, view: ListQuery) -> list[Column]:
    """The columns of the kind, and those of labels."""
    wide = view.output in (WIDE, CSV)
    columns = [column for column in kind.columns if wide or not column.wide]
    columns += [_label_column(key) for key in view.label_columns]
    if view.show_labels:
        columns.append(Column("LABELS", _labels))
    return columns


def head_of(key: str) -> str:
    """The head of a column for a label or an attribute: ``ZONE`` for ``topology.kubernetes.io/zone``."""
    return key.rpartition("/")[2].rpartition(":")[2].upper()


def age_of(item: Item) -> str:
    """The age of an item with a ``created``."""
    from app.cli.output.age import age  # noqa: PLC0415 - not every list has one

    return age(item.get("created"), time.time())


def status_of(item: Item) -> str:
    """The status of an item; gone, if it is."""
    return GONE if item.get(GONE) else str(item["status"])


def _rows(columns: Sequence[Column], items: Sequence[Item]) -> list[list[str]]:
    return [[column.text(item) for column in columns] for item in items]


def ordered(items: Sequence[Item], path: str) -> Sequence[Item]:
    """The items in the order of --sort-by. Raises: InputError."""
    if not path:
        return items
    from app.cli.output.columns import sorted_by  # noqa: PLC0415 - --help must be quick
    from app.cli.output.path_nodes import JsonPathError  # noqa: PLC0415 - as above

    try:
        return sorted_by(items, path)
    except JsonPathError as error:
        raise InputError(f"--sort-by {path}: {error}") from None


def _label_column(key: str) -> Column:
    return Column(head_of(key), lambda item: str((item.get("labels") or {}).get(key) or NO_VALUE))


def _labels(item: Item) -> str:
    found: Mapping[str, str] = item.get("labels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(found.items())) or "<none>"


def _query_of(view: ListQuery) -> Query:
    query: Query = {"name": list(view.names)} if view.names else {}
    if view.labels:
        query["labelSelector"] = view.labels
    return query | ({"namespace": view.namespace} if view.namespace else {})


def _plain_name(kind: ListKind, text: str) -> str:
    """``NAME`` of ``pod/NAME``. Raises: InputError."""
    front, slash, name = text.rpartition("/")
    if slash and front.lower() in kind.prefixes:
        front, slash, text = "", "", name
    if not name or (slash and not front):
        known = " or ".join(dict.fromkeys(("NAME", *(f"{prefix}/NAME" for prefix in kind.prefixes[:1]))))
        known += ", NAMESPACE/NAME" if kind.namespaced else ""
        raise InputError(f"{text!r} is not the name of a {kind.noun}", f"write {known}")
    return text


def _absent(kind: ListKind, view: ListQuery, items: Iterable[Item]) -> list[str]:
    known = {name for item in items for name in kind.names(item)} if view.names else set()
    return [name for name in view.names if name not in known]
