"""make kwok: kwok, which plays the kubelets of the load on a real control plane, built from its Go module."""

import sys
from pathlib import Path

import gobuild

MODULE = gobuild.REPOSITORY / "tools" / "kwok"
_PACKAGE = "sigs.k8s.io/kwok"


def folder() -> Path:
    """Where the binary is, or will be."""
    return gobuild.cache_home() / "kwok" / gobuild.module_version(MODULE, _PACKAGE)


def missing() -> str:
    """Why kwok cannot be started, or an empty string."""
    return (
        ""
        if gobuild.is_built(folder(), (program(),))
        else "kwok is not built: run `make kwok` (1-5 min once)"
    )


def program() -> gobuild.Program:
    return gobuild.Program("kwok", f"{_PACKAGE}/cmd/kwok", gobuild.module_version(MODULE, _PACKAGE))


if __name__ == "__main__":
    sys.exit(gobuild.command(__doc__, MODULE, folder(), program()))
