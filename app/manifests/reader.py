"""Kubernetes manifests as text: YAML or JSON, several documents, lists; from files, folders or stdin.

Scalars are read as kubectl reads them (go.yaml.in/yaml/v2): a date stays text, ``yes`` and ``on`` are
true, ``1e3`` is a number. It is stricter than kubectl where leniency hides mistakes: a duplicate key is
an error, and so is a tag without a meaning in JSON. Aliases may not expand a document without limit.
"""

import re
import sys
from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import orjson
import yaml

from app.core.model.fields import MAX_DEPTH
from app.core.model.parse import flatten
from app.core.pauses import paced, pause
from app.manifests.json_pieces import (
    MAX_KEYS,
    MAX_TEXT_BYTES,
    JSONPieceError,
    after_spaces,
    documents_in_pieces,
    occurrences,
)

MAX_ALIASED_VALUES = 100_000
"""Values that the aliases of one document may add to it (goyaml allows about 400,000)."""
SUFFIXES = (".yaml", ".yml", ".json")

_PIECE_BYTES = 256 * 1024
"""Of a text, between two pauses: looking through it takes 0.1 ms."""
_UTF8 = getincrementaldecoder("utf-8")
_TAG_DIRECTIVE = re.compile(rb"(?:^|[\n\r\x85\xa8\xa9\xbf])%TAG")
"""At the beginning of a line: after a line break of YAML, or a byte order mark. They end with these bytes."""
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INT = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_INT_START = frozenset("+-.0123456789")
_TAG = "tag:yaml.org,2002:"
_WORDS: dict[str, Any] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"))
    | {word: True for base in ("y", "yes", "true", "on") for word in (base, base.title(), base.upper())}
    | {word: False for base in ("n", "no", "false", "off") for word in (base, base.title(), base.upper())}
    | {word: float("nan") for word in (".nan", ".NaN", ".NAN")}
    | {sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")}
)
_MERGE = "<<"


class ManifestError(ValueError):
    """Text that cannot be parsed; ``str()`` gives ``source:line:column: message``, lines from 1."""

    def __init__(self, source: str, message: str, line: int | None = None, column: int | None = None) -> None:
        place = ":".join(str(part) for part in (source, line, column) if part is not None)
        super().__init__(f"{place}: {message}")
        self.source = source
        self.message = message
        self.line = line
        self.column = column


def load_manifests(text: str | bytes, source: str, max_values: int | None = None) -> list[Any]:
    """The raw objects in a text: documents in order, lists opened, empty documents left out.

    Args:
        max_values: limit for YAML from untrusted clients, since parsing takes time.
    Raises:
        ManifestError: neither YAML nor JSON, or over a limit; ``source`` names the text in the message.
    Cost: O(length); about 3 MB of YAML a second, 200 MB of JSON.
    """
    return list(flatten(load_documents(text, source, max_values)))


def load_documents(text: str | bytes, source: str, max_values: int | None = None) -> list[Any]:
    """The documents of a text, without opening lists. Raises: as ``load_manifests``."""
    data = _checked(text, source)
    start = after_spaces(data, 0, len(data))
    if data[start : start + 1] not in (b"{", b"["):
        return list(_Reader(data, source, max_values).documents())
    try:
        return _json_documents(data, source, max_values)
    except ManifestError as error:
        # It may still be YAML in flow style; if not, it is reported as what its name implies.
        try:
            return list(_Reader(data, source, max_values).documents())
        except ManifestError as yaml_error:
            raise (yaml_error if source.endswith((".yaml", ".yml")) else error) from None


def read_paths(paths: Iterable[str | Path], stdin: Callable[[], bytes] | None = None) -> list[Any]:
    """The raw objects of files, of folders (with all below them, in order of name) and of ``-`` (stdin).

    Raises:
        ManifestError: also for a path that cannot be read, or a folder without manifests.
    """
    return list(flatten(read_documents(paths, stdin)))


def read_documents(paths: Iterable[str | Path], stdin: Callable[[], bytes] | None = None) -> list[Any]:
    """The same without opening lists, whose metadata may say more. Raises: as ``read_paths``."""
    return [item for name, text in read_texts(paths, stdin) for item in load_documents(text, name)]


def read_texts(
    paths: Iterable[str | Path], stdin: Callable[[], bytes] | None = None
) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files that ``read_paths`` reads. Raises: as ``read_paths``."""
    for path in paths:
        name = str(path)
        if name == "-":
            yield "stdin", (stdin or _stdin)()
            continue
        try:
            for file in _files(name):
                yield str(file), file.read_bytes()
        except OSError as error:
            raise ManifestError(str(error.filename or name), error.strerror or type(error).__name__) from None


def _stdin() -> bytes:
    stream: TextIO | None = sys.stdin  # None if it was closed when the program started
    if stream is None:
        raise ManifestError("stdin", "it is closed")
    return stream.buffer.read()


def _files(name: str) -> list[Path]:
    path = Path(name)
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if _is_manifest(file, path))
    if not files:
        raise ManifestError(name, f"no manifests ({', '.join(SUFFIXES)}) in this folder")
    return files


def _is_manifest(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return file.suffix in SUFFIXES and not hidden and file.is_file()


def _checked(text: str | bytes, source: str) -> bytes:
    """The text in UTF-8 without a byte order mark. Raises: ManifestError."""
    if isinstance(text, str):
        return text.removeprefix("\ufeff").encode()
    position = _not_utf8(text)
    if position is not None:
        raise ManifestError(source, "not valid UTF-8", _line(text, position))
    return text.removeprefix(BOM_UTF8)


def _not_utf8(text: bytes) -> int | None:
    """The position of the first byte that is not UTF-8."""
    decoder = _UTF8()
    for at in _steps(len(text)):
        end = at + _PIECE_BYTES
        begun = len(decoder.getstate()[0])  # bytes of a character that the last piece has cut
        try:
            decoder.decode(text[at:end], final=end >= len(text))
        except UnicodeDecodeError as error:
            return at - begun + error.start
    return None


def _line(text: bytes, position: int) -> int:
    """From 1."""
    return occurrences(text[:position], b"\n") + 1


def _column(text: bytes, position: int) -> int:
    """In characters from 1; in bytes on a line that is longer than any that a person reads."""
    start = text.rfind(b"\n", 0, position) + 1
    before = text[start:position]
    return len(before) + 1 if len(before) > _PIECE_BYTES else len(before.decode(errors="replace")) + 1


def _steps(end: int) -> Iterator[int]:
    """Where pieces of a text begin, with a pause before each."""
    return paced(range(0, end, _PIECE_BYTES), 1)


def _json_documents(data: bytes, source: str, max_values: int | None) -> list[Any]:
    """One JSON text, or several one after another as kubectl accepts them."""
    if max_values is not None and occurrences(data, b",{[") > max_values:
        raise ManifestError(source, "contains too many values")
    try:
        if max_values is None:
            with suppress(orjson.JSONDecodeError):
                return [orjson.loads(data)]
        return list(documents_in_pieces(data, MAX_DEPTH))
    except JSONPieceError as error:
        place = (_line(data, error.pos), _column(data, error.pos))
        raise ManifestError(source, f"not valid JSON: {error}", *place) from None


def _has_tag_directive(text: bytes) -> bool:
    return b"%TAG" in text and _TAG_DIRECTIVE.search(text) is not None


class _Pausing:
    """A text that is read in pieces, with a pause after each.

    Raises (from ``read``): ManifestError: libyaml needs more than ``MAX_TEXT_BYTES`` for one event.
    """

    def __init__(self, text: bytes, source: str) -> None:
        self._text = text
        self._source = source
        self._at = 0
        self._event_at = 0

    def event(self) -> None:
        """The parser has come to its next event."""
        self._event_at = self._at

    def read(self, size: int = -1, /) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        pause()
        start = self._at
        self._at = start + size if size >= 0 else len(self._text)
        if self._at - self._event_at > MAX_TEXT_BYTES + _PIECE_BYTES:
            text = f"a scalar or a comment is longer than {MAX_TEXT_BYTES // 1024 // 1024} MiB"
            raise ManifestError(self._source, text)
        return self._text[start : self._at]


class _Collection:
    """A list or mapping under construction; ``key`` is the mapping key without its value."""

    __slots__ = ("anchor", "key", "mark", "merged", "size", "value")

    def __init__(self, value: list[Any] | dict[str, Any], anchor: str | None, mark: Any) -> None:
        self.value = value
        self.anchor = anchor
        self.mark = mark
        self.size = 1
        self.key: str | None = None
        self.merged: dict[str, Any] = {}


class _Reader:
    """Builds JSON values from libyaml's events.

    Not PyYAML's constructor, which recurses in C (deep nesting crashes the process), knows types that
    JSON does not, and lets aliases multiply. Works event by event, with pauses.
    """

    def __init__(self, text: bytes, source: str, max_values: int | None = None) -> None:
        self._text = text
        self._source = source
        self._values_left = max_values
        self._stack: list[_Collection] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliased = 0
        self._root: Any = None

    def documents(self) -> Iterator[Any]:
        """Raises: ManifestError."""
        if any(
            _has_tag_directive(self._text[max(0, at - 5) : at + _PIECE_BYTES])
            for at in _steps(len(self._text))
        ):
            # Not needed for any Kubernetes object, and libyaml's time grows with their square.
            raise ManifestError(self._source, "TAG directives are not supported")
        pieces = _Pausing(self._text, self._source)
        try:
            for event in paced(yaml.parse(pieces, Loader=yaml.CSafeLoader)):
                pieces.event()
                self._count(event)
                if isinstance(event, yaml.DocumentEndEvent):
                    yield self._root
                    self._root, self._anchors, self._aliased = None, {}, 0
                else:
                    self._take(event)
        except yaml.MarkedYAMLError as error:
            text = ", ".join(part for part in (error.context, error.problem) if part)
            raise self._error(f"not valid YAML: {text}", error.problem_mark or error.context_mark) from None
        except yaml.YAMLError as error:
            raise self._error(f"not valid YAML: {_one_line(error)}") from None

    def _count(self, event: yaml.Event) -> None:
        if self._values_left is not None:
            self._values_left -= 1
            if self._values_left < 0:
                raise self._error("contains too many values", event.start_mark)

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._add(self._scalar(event), 1, event)
                if event.anchor:
                    self._anchors[event.anchor] = (self._scalar(event), 1)
            case yaml.SequenceStartEvent():
                self._open([], event, "seq")
            case yaml.MappingStartEvent():
                self._open({}, event, "map")
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close(event)
            case yaml.AliasEvent():
                self._alias(event)

    def _open(self, value: list[Any] | dict[str, Any], event: yaml.CollectionStartEvent, kind: str) -> None:
        if event.tag not in (None, "!", _TAG + kind):
            raise self._error(f"the tag {event.tag} is not supported in a manifest", event.start_mark)
        if len(self._stack) >= MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        self._stack.append(_Collection(value, event.anchor, event.start_mark))

    def _close(self, event: yaml.Event) -> None:
        done = self._stack.pop()
        value = done.value
        if isinstance(value, dict):
            value = {**done.merged, **value} if done.merged else value
        if done.anchor:
            # Known only now: a value that contains itself has no JSON form.
            self._anchors[done.anchor] = (value, done.size)
        self._add(value, done.size, event)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors:
            raise self._error(f"the alias *{event.anchor} is not defined", event.start_mark)
        value, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED_VALUES:
            raise self._error(f"aliases add more than {MAX_ALIASED_VALUES} values", event.start_mark)
        self._add(value, size, event)

    def _add(self, value: Any, size: int, event: yaml.Event) -> None:
        """Adds a value to the innermost collection, as its next item, key or value."""
        if not self._stack:
            self._root = value
            return
        parent = self._stack[-1]
        parent.size += size
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is None:
            parent.key = self._key(value, parent.value, event)
        else:
            key, parent.key = parent.key, None
            if key == _MERGE:
                self._merge(parent, value, event)
            else:
                parent.value[key] = value

    def _key(self, value: Any, mapping: dict[str, Any], event: yaml.Event) -> str:
        if isinstance(value, str):
            key = value
        elif isinstance(value, bool):
            key = "true" if value else "false"
        elif isinstance(value, int | float):
            key = str(value)
        else:
            raise self._error("a key must be a string", event.start_mark)
        if key in mapping:
            raise self._error(f"duplicate key {key!r}", event.start_mark)
        if len(mapping) >= MAX_KEYS:
            raise self._error(f"a mapping has more than {MAX_KEYS} keys", event.start_mark)
        return key

    def _merge(self, parent: _Collection, value: Any, event: yaml.Event) -> None:
        """``<<``: one mapping or several, of which the first wins; the mapping's own keys beat all."""
        for source in value if isinstance(value, list) else [value]:
            if not isinstance(source, dict):
                raise self._error("only mappings can be merged with <<", event.start_mark)
            for key, inner in paced(source.items()):
                parent.merged.setdefault(key, inner)
            if len(parent.merged) > MAX_KEYS:
                raise self._error(f"a mapping has more than {MAX_KEYS} keys", event.start_mark)

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text: str = event.value
        if event.tag is None:
            return _resolved(text) if event.implicit[0] else text
        if event.tag in ("!", _TAG + "str"):
            return text
        value = _resolved(text)
        kinds = {"null": type(None), "bool": bool, "int": int, "float": float}
        kind = kinds.get(event.tag.removeprefix(_TAG))
        if kind is None:
            raise self._error(f"the tag {event.tag} is not supported in a manifest", event.start_mark)
        if type(value) is int and kind is float:
            return float(value)
        if type(value) is not kind:
            raise self._error(f"{text!r} does not match its tag {event.tag}", event.start_mark)
        return value

    def _error(self, message: str, mark: Any = None) -> ManifestError:
        if mark is None:
            return ManifestError(self._source, message)
        return ManifestError(self._source, message, mark.line + 1, mark.column + 1)


def _resolved(text: str) -> Any:
    """A plain scalar as the type it looks like."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _INT_START:
        return text
    plain = text.replace("_", "")
    if _INT.fullmatch(plain) and len(plain) <= 66:
        number = _integer(plain)
        if -(2**63) <= number < 2**64:
            return number
    return float(plain) if _FLOAT.fullmatch(plain) else text


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return int(text, 8)  # as in C: a leading zero
    return int(text, 0)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
