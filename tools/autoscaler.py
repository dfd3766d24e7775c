"""Builds tests/autoscaler, Cluster Autoscaler's side of its gRPC expander.

Standard library only, as gobuild.
"""

from pathlib import Path

import gobuild

FOLDER = gobuild.REPOSITORY / "tests" / "autoscaler"
TARGET = gobuild.cache_home() / "autoscaler"


def binary(*, uv: Path | None = None) -> Path:
    """The client, built if its sources have changed since.

    A cold build takes about a minute.

    Raises:
        gobuild.BuildError: there is no Go, or the build failed.
    """
    version = gobuild.fingerprint(FOLDER)
    gobuild.build(FOLDER, TARGET, (gobuild.Program("autoscaler", ".", version),), uv=uv)
    return TARGET / "autoscaler"
