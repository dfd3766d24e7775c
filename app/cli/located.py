"""Objects of files with the file and line of each field."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from app.cli.problems import InputError
from app.cli.scalars import Scalar
from app.cli.unrendered import unrendered
from app.core.model.parse import flatten
from app.manifests.reader import ManifestError, load_documents, read_texts

Path = tuple[str | int, ...]

_PART = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")


@dataclass(slots=True)
class FieldPlaces:
    """Lines and columns (both from 1) of one document by field path. ``rows`` are the file's lines."""

    lines: dict[Path, int] = field(default_factory=lambda: {(): 1})
    columns: dict[Path, int] = field(default_factory=dict)
    scalars: dict[Path, Scalar] = field(default_factory=dict)
    rows: Sequence[str] = ()

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column of a field, or of the innermost parent that exists.

        The path may be the one in v1: the method also finds the place of older versions.
        """
        here: Path = ()
        for part in path:
            if (*here, part) in self.lines:
                here = (*here, part)
            elif (*here, "basic", part) in self.lines:
                here = (*here, "basic", part)
            elif part != "exactly":
                break
        return self.lines[here], self.columns.get(here, 1)

    def text_place(self, path: Path, line: int, column: int) -> tuple[int, int]:
        """As ``place``, for a line (from 1) and a column (from 0) of the text that is a field's value."""
        found = self.scalars.get(path)
        return self.place(path) if found is None else found.place(self.rows, line, column)


@dataclass(frozen=True, slots=True)
class Located:
    """An object and its place. ``prefix`` is the path to it within a list."""

    source: str
    raw: Any
    places: FieldPlaces
    prefix: Path = ()

    def line(self, path: Path) -> int:
        """The line of a field of the object."""
        return self.place(path)[0]

    def place(self, path: Path) -> tuple[int, int]:
        """As ``FieldPlaces.place``."""
        return self.places.place(self.prefix + path)

    def text_place(self, path: Path, line: int, column: int) -> tuple[int, int]:
        """As ``FieldPlaces.text_place``."""
        return self.places.text_place(self.prefix + path, line, column)


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake and its place."""

    source: str
    line: int
    message: str
    column: int = 1

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.message}"

    @property
    def wide(self) -> str:
        """With the column, in the form that compilers print and editors read."""
        return f"{self.source}:{self.line}:{self.column}: {self.message}"


def read_located(paths: Sequence[str]) -> tuple[list[Located], list[Finding]]:
    """The objects of all files, and findings about text that is not YAML or JSON.

    Raises:
        InputError: a file does not exist, or a folder has no manifests.
    """
    found: list[Located] = []
    broken: list[Finding] = []
    try:
        for source, text in read_texts(paths):
            try:
                found += locate(text, source)
            except ManifestError as error:
                broken.append(_unreadable(source, text, error))
    except ManifestError as error:
        raise InputError(str(error)) from None
    return found, broken


def _unreadable(source: str, text: bytes, error: ManifestError) -> Finding:
    """What cannot be read; of a template, not what a YAML parser makes of it."""
    content = text.decode(errors="replace")
    template = unrendered(content)
    if template is None:
        return Finding(source, error.line or 1, error.message)
    position, message = template
    return Finding(source, content.count("\n", 0, position) + 1, message)


def locate(text: bytes, source: str) -> Iterator[Located]:
    """The objects in a text. Raises: ManifestError."""
    documents = load_documents(text, source)
    places = list(_places(text))
    for index, document in enumerate(documents):
        # YAML reads consecutive JSON texts as one document or none: they keep line 1.
        known = places[index] if len(places) == len(documents) else FieldPlaces()
        for prefix, raw in opened(document):
            yield Located(source, raw, known, prefix)


def opened(document: Any) -> Iterator[tuple[Path, Any]]:
    """The objects in a document with their paths: several in a list."""
    objects = list(flatten([document]))
    if len(objects) == 1 and objects[0] is document:
        yield (), document
    else:
        yield from ((("items", index), item) for index, item in enumerate(objects))


def path_of(text: str) -> Path:
    """``spec.requests[0].name`` as a path; the reverse of ``path_text`` in core/model."""
    return tuple(int(inner) if inner.isdecimal() else inner or plain for inner, plain in _PART.findall(text))


def _places(text: bytes) -> Iterator[FieldPlaces]:
    """The places in each document of a YAML text; it ends at the first error."""
    rows = text.decode(errors="replace").splitlines()
    walk = _Walk(FieldPlaces(rows=rows))
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                walk = _Walk(FieldPlaces({(): _mark(event)[0]}, rows=rows))
            elif isinstance(event, yaml.DocumentEndEvent):
                yield walk.places
            else:
                walk.take(event)
    except yaml.YAMLError:
        return  # load_documents has read it as JSON


def _mark(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


class _Walk:
    """Follows libyaml's events through one document."""

    def __init__(self, places: FieldPlaces) -> None:
        self.places = places
        # For each open collection: its path, and the next index or the key without its value.
        self._open: list[tuple[Path, int | str | None, bool]] = []

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                path = self._begin(_mark(event))
                is_list = isinstance(event, yaml.SequenceStartEvent)
                self._open.append((path, 0 if is_list else None, is_list))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._open.pop()
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                self._begin(_mark(event))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        mark = _mark(event)
        if self._open and not self._open[-1][2] and self._open[-1][1] is None:
            path, _, _ = self._open[-1]
            self._open[-1] = (path, event.value, False)
            self._note((*path, event.value), mark)
            return
        path = self._begin(mark)
        self.places.scalars[path] = Scalar(event.value, event.style or "", *mark)

    def _begin(self, mark: tuple[int, int]) -> Path:
        """The path of the value that begins here."""
        if not self._open:
            self._note((), mark)
            return ()
        parent, part, is_list = self._open[-1]
        if is_list and isinstance(part, int):
            self._open[-1] = (parent, part + 1, True)
            self._note((*parent, part), mark)
        else:
            self._open[-1] = (parent, None, False)
        return (*parent, part) if part is not None else parent

    def _note(self, path: Path, mark: tuple[int, int]) -> None:
        self.places.lines[path], self.places.columns[path] = mark
