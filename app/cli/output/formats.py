"""The values of -o: tables, JSON and YAML, and kubectl's templates."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from app.cli.output.columns import CustomColumn
    from app.cli.output.jsonpath import Template

TABLE, WIDE, JSON, YAML, NAME, CSV = "table", "wide", "json", "yaml", "name", "csv"
_JSONPATH, _COLUMNS = "jsonpath", "custom-columns"
_TEMPLATES = (_JSONPATH, f"{_JSONPATH}-as-json", f"{_JSONPATH}-file", _COLUMNS, f"{_COLUMNS}-file")

_GO_TEMPLATES = ("go-template", "go-template-file", "template", "templatefile")


class OutputFormat(click.ParamType[str]):
    """One of the named formats, or a template: ``jsonpath={.items[*].name}``.

    Templates are read here, so that a mistake in one is found before anything is requested.
    """

    name = "format"

    def __init__(self, *plain: str) -> None:
        self._plain = plain

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See click.ParamType."""
        text = str(value)
        if text in self._plain:
            return text
        kind, equals, _ = text.partition("=")
        if kind in _TEMPLATES and not equals:
            self.fail(f"{kind} needs a value: {kind}=...", param, ctx)
        if kind in _GO_TEMPLATES:
            self.fail(f"{kind} is a template of the programming language Go; use {_JSONPATH}=...", param, ctx)
        if kind not in _TEMPLATES:
            known = ", ".join(self._plain)
            self.fail(f"{text!r} is not one of {known}, {_JSONPATH}=..., {_COLUMNS}=...", param, ctx)
        try:
            _ = columns_of(text), template_of(text)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        except OSError as error:
            self.fail(f"{error.filename}: {error.strerror}", param, ctx)
        return text

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click's signature
        """See click.ParamType."""
        return f"[{'|'.join(self._plain)}|{_JSONPATH}=...|{_COLUMNS}=...]"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - as above
        incomplete: str,
    ) -> "list[CompletionItem]":
        """See click.ParamType."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - --help must be quick

        every = (*self._plain, f"{_JSONPATH}=", f"{_COLUMNS}=")
        return [CompletionItem(text) for text in every if text.startswith(incomplete)]


def columns_of(output: str) -> "list[CustomColumn] | None":
    """The columns of ``custom-columns=...``; None for another format. Raises: JsonPathError, OSError."""
    kind, _, text = output.partition("=")
    if not kind.startswith(_COLUMNS):
        return None
    from app.cli.output.columns import columns_of_file, custom_columns  # noqa: PLC0415 - --help must be quick

    if kind == _COLUMNS:
        return custom_columns(text)
    return columns_of_file(Path(text).read_text(encoding="utf-8"))


def template_of(output: str) -> "Template | None":
    """The template of ``jsonpath=...``; None for another format. Raises: JsonPathError, OSError."""
    kind, _, text = output.partition("=")
    if not kind.startswith(_JSONPATH):
        return None
    from app.cli.output.jsonpath import parse  # noqa: PLC0415 - as above

    # A file mostly ends with a line break, which kubectl does not print either.
    return parse(Path(text).read_text(encoding="utf-8").rstrip("\n") if kind.endswith("-file") else text)


def is_as_json(output: str) -> bool:
    """Whether the values of a template are printed as a JSON list."""
    return output.startswith(f"{_JSONPATH}-as-json=")
