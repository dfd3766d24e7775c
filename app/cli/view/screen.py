"""Nodes, devices, claims and Pods in tabs, read again every few seconds."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable, Footer, Header, Input, TabbedContent, TabPane

from app.cli.lists.listing import Item, ListKind
from app.cli.problems import CliError

Read = Callable[[ListKind], list[Item]]
"""Reads the items of a kind, in its own thread. Raises: CliError."""


class Screen(App[None]):
    """One tab for each kind. Only the tab that is shown is read.

    ``first`` is the number of the tab to begin with.
    """

    TITLE = "dra-extender"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "Quit"),
        ("r", "read", "Read again"),
        ("slash", "search", "Search"),
        ("escape", "leave", "Table"),
        *((str(number), f"tab({number - 1})", "") for number in range(1, 5)),
    ]

    def __init__(self, kinds: Sequence[ListKind], read: Read, seconds: float, first: int = 0) -> None:
        super().__init__()
        self._kinds = kinds
        self._read = read
        self._seconds = seconds
        self._first = first
        self._items: dict[str, list[Item]] = {}

    def compose(self) -> ComposeResult:
        """See textual."""
        yield Header()
        yield Input(placeholder="words that a row must contain", id="words")
        with TabbedContent(initial=_tab(self._kinds[self._first])):
            for kind in self._kinds:
                with TabPane(f"{kind.noun.capitalize()}s", id=_tab(kind)):
                    table: DataTable[str] = DataTable(cursor_type="row", zebra_stripes=True)
                    table.add_columns(*(column.head for column in kind.columns if not column.wide))
                    yield table
        yield Footer()

    def on_mount(self) -> None:
        """See textual."""
        self.query_one(f"#{_tab(self._kinds[self._first])} DataTable").focus()
        self.set_interval(self._seconds, self.action_read)

    def on_tabbed_content_tab_activated(self) -> None:
        """See textual."""
        self.action_read()

    def on_input_changed(self) -> None:
        """See textual."""
        self._show(self._kind)

    def action_tab(self, number: int) -> None:
        """Shows a tab."""
        if number < len(self._kinds):
            self.query_one(TabbedContent).active = _tab(self._kinds[number])

    def action_search(self) -> None:
        """Moves the cursor to the words."""
        self.query_one(Input).focus()

    def action_leave(self) -> None:
        """Moves the cursor to the table."""
        self.query_one(f"#{_tab(self._kind)} DataTable").focus()

    def action_read(self) -> None:
        """Reads the tab that is shown; a read that is still running is not repeated."""
        kind = self._kind
        self.run_worker(
            lambda: self._load(kind), thread=True, exclusive=True, group=kind.noun, exit_on_error=False
        )

    @property
    def _kind(self) -> ListKind:
        active = self.query_one(TabbedContent).active
        return next(kind for kind in self._kinds if _tab(kind) == active)

    def _load(self, kind: ListKind) -> None:
        try:
            items = self._read(kind)
        except CliError as error:
            self.call_from_thread(self.notify, str(error), severity="error")
            return
        self._items[kind.noun] = items
        self.call_from_thread(self._show, kind)

    def _show(self, kind: ListKind) -> None:
        """Fills the table of a kind; the cursor stays in its row."""
        words = self.query_one(Input).value.lower().split()
        table: DataTable[str] = self.query_one(f"#{_tab(kind)} DataTable", DataTable)
        row = table.cursor_row
        table.clear()
        columns = [column for column in kind.columns if not column.wide]
        items = self._items.get(kind.noun, [])
        for item in items:
            cells = [column.text(item) for column in columns]
            text = " ".join(cells).lower()
            if all(word in text for word in words):
                table.add_row(*cells)
        table.move_cursor(row=min(row, max(table.row_count - 1, 0)))
        self.sub_title = f"{table.row_count} of {len(items)} {kind.noun}s"


def _tab(kind: ListKind) -> str:
    return f"tab-{kind.noun.lower()}"
