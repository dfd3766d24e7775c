"""``convert``: rewrites older or sloppy manifests in one version of resource.k8s.io, comments kept."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.problems import Exit, InputError
from app.cli.talk import say, write

if TYPE_CHECKING:
    from app.cli.rewrite import Target

_BEGINS = re.compile(r"(?:[ \t\r]*(?:#[^\n]*)?\n)*---")
"""Of a text whose first document begins with its own line for that."""


@click.command()
@options.files
@click.option(
    "--to",
    type=click.Choice(["v1", "v1beta2", "v1beta1"]),
    default="v1",
    show_default=True,
    help="Version of resource.k8s.io to write. Kubernetes 1.33 serves only the beta versions.",
)
@click.option("-i", "--in-place", is_flag=True, help="Edit the files in place instead of writing to stdout.")
def convert(*, paths: tuple[str, ...], to: "Target", in_place: bool) -> int:
    """Rewrite manifests in one version of resource.k8s.io.

    Changes only the necessary lines. Repairs what `check` reports as repairable: requests in their
    v1beta1 place, Jobs without a restartPolicy, `source` of a Pod's claims.
    """
    from app.cli.rewrite import rewrite  # noqa: PLC0415 - --help must be quick
    from app.core.model.versions import GROUP  # noqa: PLC0415 - as above
    from app.core.versions import API_ENDS  # noqa: PLC0415 - as above
    from app.manifests.reader import ManifestError, read_texts  # noqa: PLC0415 - as above

    results: list[tuple[str, bytes, str]] = []
    try:
        for name, text in read_texts(paths):
            changed, notes = rewrite(text, name, to)
            results.append((name, text, changed))
            for note in notes:
                say(f"{name}: {note}")
    except ManifestError as error:
        raise InputError(str(error)) from None
    if not any(text.strip() for _, text, _ in results):
        raise InputError(f"nothing to convert in {', '.join(paths)}")
    if to in API_ENDS:
        say(f"Kubernetes {API_ENDS[to]} and later do not serve {GROUP}/{to}")
    if in_place:
        for name, text, changed in results:
            if name == "stdin":
                raise InputError("--in-place cannot write to stdin", "leave it out")
            if changed.encode() != text:
                Path(name).write_text(changed, encoding="utf-8")
        return Exit.OK
    for number, (_, _, changed) in enumerate(results):
        if number and not _BEGINS.match(changed):
            write("---\n")
        write(changed)
    return Exit.OK
