"""Prints results as data: JSON, YAML, names."""

from collections.abc import Iterable
from typing import Any

from app.cli import options
from app.cli.talk import out


def print_data(answer: Any, output: str, names: Iterable[str]) -> None:
    """Prints the result in one of the formats that are not tables."""
    if output == options.JSON:
        import orjson  # noqa: PLC0415 - one of two

        out(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    elif output == options.YAML:
        out(yaml_text(answer).rstrip("\n"))
    else:
        for name in names:
            out(name)


def yaml_text(answer: Any) -> str:
    """YAML with keys in their given order."""
    import yaml  # noqa: PLC0415 - one of two

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(answer, Dumper=dumper, sort_keys=False, width=110, allow_unicode=True))
