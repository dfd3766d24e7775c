"""Builds tests/driver, a device driver as drivers are, and the kubelet's side of its socket.

Standard library only, as gobuild.
"""

from pathlib import Path

import gobuild

FOLDER = gobuild.REPOSITORY / "tests" / "driver"
TARGET = gobuild.cache_home() / "driver"


def binary(*, uv: Path | None = None) -> Path:
    """The driver, built if its sources have changed since.

    A cold build takes about two minutes, one after `make control-plane` less.

    Raises:
        gobuild.BuildError: there is no Go, or the build failed.
    """
    version = gobuild.fingerprint(FOLDER)
    gobuild.build(FOLDER, TARGET, (gobuild.Program("driver", ".", version),), uv=uv)
    return TARGET / "driver"
