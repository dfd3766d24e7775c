"""``convert``: the canonical resource.k8s.io/v1 form of older or sloppy manifests, comments kept."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Files
from app.cli.problems import InputError
from app.cli.talk import say


def convert(
    *,
    files: Files,
    in_place: Annotated[
        bool, typer.Option("-i", "--in-place", help="Write back to the files instead of stdout.")
    ] = False,
) -> None:
    """Writes the resource.k8s.io/v1 form of manifests, comments and order kept.

    Repairs what `check` calls repairable: requests in their v1beta1 place, Jobs without a restartPolicy.
    """
    from app.cli.rewrite import rewrite  # noqa: PLC0415 # --help must be quick
    from app.manifests import ManifestError, read_texts  # noqa: PLC0415 # as above

    results: list[tuple[str, bytes, str]] = []
    try:
        for name, text in read_texts(files):
            changed, notes = rewrite(text, name)
            results.append((name, text, changed))
            for note in notes:
                say(f"{name}: {note}")
    except ManifestError as error:
        raise InputError(str(error)) from None
    if in_place:
        for name, text, changed in results:
            if name == "stdin":
                raise InputError("--in-place cannot write to stdin", "leave it out")
            if changed.encode() != text:
                Path(name).write_text(changed, encoding="utf-8")
        return
    for number, (_, _, changed) in enumerate(results):
        if number and not changed.startswith("---"):
            sys.stdout.write("---\n")
        sys.stdout.write(changed)
