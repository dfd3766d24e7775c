"""make kwok: kwok, which plays the kubelets of the load on a real control plane, built from its Go module."""

import argparse
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", type=Path, help="the uv that gets Go where the PATH has none")
    parser.add_argument("--where", action="store_true", help="print the folder of the binary and stop")
    arguments = parser.parse_args()
    if arguments.where:
        print(folder())
        return 0
    try:
        gobuild.build(MODULE, folder(), (program(),), uv=arguments.uv)
    except gobuild.BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"kwok: {folder() / 'kwok'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
