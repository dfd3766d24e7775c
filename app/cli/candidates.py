"""The parameter ``--candidates``: a number, or auto."""

from typing import Literal

import click


class CandidatesParam(click.ParamType[int | Literal["auto"]]):
    """``auto`` or a number that is not negative."""

    name = "auto|number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Literal["auto"]:
        """See click.ParamType."""
        if value == "auto":
            return "auto"
        text = str(value)
        if not text.isascii() or not text.isdigit():
            self.fail(f"{text!r} is neither auto nor a number", param, ctx)
        return int(text)
