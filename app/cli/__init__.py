"""The command line: ``dra-extender``, and ``kubectl dra`` by its second name.

Each command is one module, which imports the rest of the program when it runs, so that ``--help`` and
``--version`` are fast. For the same reason the flags are click's: Typer is built on pydantic and needs
three times as long to show a help text. Data goes to stdout, messages go to stderr.
"""

import gc
import sys


def main() -> None:
    """Entry point of both programs."""
    # What a command makes it keeps to its end: to look through it for cycles again and again finds nothing.
    gc.set_threshold(500_000, 20, 50)
    # httpx has a command line, which loads rich and pygments where they are installed. None: not there.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # as importlib documents it
    # FastAPI looks whether a model is one of pydantic 1, which no model here is.
    sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type] # as above
    from app.cli.application import run  # noqa: PLC0415 - importing app.cli must cost nothing

    try:
        sys.exit(run(sys.argv[1:]))
    finally:
        gc.freeze()  # nor is there anything to find when the interpreter ends
