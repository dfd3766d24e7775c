"""Prints results as data: JSON, YAML, names, and through templates."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.cli.output import formats
from app.cli.problems import InputError
from app.cli.talk import out, table, write


def print_data(
    answer: Any,
    output: str,
    names: Iterable[str],
    *,
    rows: Sequence[Any] | None = None,
    headers: bool = True,
) -> None:
    """Prints the result in one of the formats that are not tables.

    Args:
        rows: what custom-columns has a line for; None: the result is one row.
        headers: whether custom-columns has a line with its heads.
    """
    if output == formats.JSON:
        out(json_text(answer))
    elif output == formats.YAML:
        out(yaml_text(answer).rstrip("\n"))
    elif output == formats.NAME:
        for name in names:
            out(name)
    else:
        _print_template(answer, output, [answer] if rows is None else rows, headers=headers)


def _print_template(answer: Any, output: str, rows: Sequence[Any], *, headers: bool) -> None:
    from app.cli.output.path_nodes import JsonPathError  # noqa: PLC0415 - one of several

    # A list is under .items for a template, as it is in kubectl.
    root = {"items": answer} if isinstance(answer, list) else answer
    columns, template = formats.columns_of(output), formats.template_of(output)
    try:
        if columns is not None:
            cells = [[column.cell(item) for column in columns] for item in rows]
            out(table([column.head for column in columns], cells, headers=headers))
        elif template is not None and formats.is_as_json(output):
            out(json_text(template.values(root)))
        elif template is not None:
            write(template.render(root))
    except JsonPathError as error:
        raise InputError(f"-o {output}: {error}") from None


def json_text(answer: Any) -> str:
    """JSON with keys in their given order."""
    import orjson  # noqa: PLC0415 - one of two

    return orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()


def yaml_text(answer: Any) -> str:
    """YAML with keys in their given order."""
    import yaml  # noqa: PLC0415 - one of two

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(answer, Dumper=dumper, sort_keys=False, width=110, allow_unicode=True))
