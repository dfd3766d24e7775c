"""make control-plane: etcd and Kubernetes' programs for the end-to-end tests, built from their Go modules.

KUBERNETES=1.34 selects another minor version. It is built if tools/control-plane has its module; else the
programs of the release build emulate it (`--emulated-version`).
"""

import argparse
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import crd_types
import gobuild

MODULE = gobuild.REPOSITORY / "tools" / "control-plane"
KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
# The oldest version that the release build emulates: three minor versions back is what Kubernetes promises.
EMULATED_BACK = 3


@dataclass(frozen=True, slots=True)
class Recipe:
    """Where a minor version comes from: the module to build, and the version to emulate, if any."""

    module: Path
    version: str
    emulated: str = ""

    @property
    def folder(self) -> Path:
        """Where the binaries are, or will be."""
        return gobuild.cache_home() / "control-plane" / self.version

    def programs(self) -> tuple[gobuild.Program, ...]:
        flags = version_flags(self.version)
        packages = ((name, f"k8s.io/kubernetes/cmd/{name}") for name in KUBERNETES)
        prepare = crd_types.prepare if crd_types.is_needed(self.module) else gobuild.nothing
        return tuple(
            gobuild.Program(name, package, self.version, flags, prepare=prepare) for name, package in packages
        )


def recipe(minor: str = "") -> Recipe:
    """The recipe of a minor version like `1.34`; the release build's own without one.

    Raises:
        gobuild.BuildError: there is no way to have this version.
    """
    release = gobuild.module_version(MODULE, "k8s.io/kubernetes")
    if minor in ("", _minor(release)):
        return Recipe(MODULE, release)
    own = MODULE / f"v{minor}"
    if re.fullmatch(r"1\.\d+", minor) and own.is_dir():
        return Recipe(own, gobuild.module_version(own, "k8s.io/kubernetes"))
    if minor in _emulated(release):
        return Recipe(MODULE, release, emulated=minor)
    raise gobuild.BuildError(f"no control plane for Kubernetes {minor!r}: only {', '.join(available())}")


def available() -> list[str]:
    """The minor versions that there is a recipe for, oldest first."""
    release = gobuild.module_version(MODULE, "k8s.io/kubernetes")
    own = [path.name.removeprefix("v") for path in MODULE.glob("v1.*")]
    return sorted({*own, *_emulated(release), _minor(release)}, key=_number)


def _emulated(release: str) -> list[str]:
    newest = _number(_minor(release))
    return [f"1.{number}" for number in range(newest - EMULATED_BACK, newest)]


def _minor(version: str) -> str:
    return ".".join(version.removeprefix("v").split(".")[:2])


def _number(minor: str) -> int:
    return int(minor.split(".")[1])


def etcd() -> gobuild.Program:
    """The same for every version of Kubernetes."""
    return gobuild.Program("etcd", "./etcd", gobuild.module_version(MODULE, "go.etcd.io/etcd/server/v3"))


def version_flags(version: str) -> str:
    """Linker flags that set what the programs say of themselves.

    Without them they are v0.0.0-master+$Format:%H$, and feature gates cannot be compared with a version.
    """
    major, minor, _ = version.removeprefix("v").split(".", 2)
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{key}={value}" for package in packages for key, value in values.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", type=Path, help="the uv that gets Go where the PATH has none")
    parser.add_argument(
        "--kubernetes",
        default=os.environ.get("KUBERNETES", ""),
        metavar="X.Y",
        help="the minor version; the release build's without it",
    )
    parser.add_argument("--where", action="store_true", help="print the folder of the binaries and stop")
    arguments = parser.parse_args()
    try:
        wanted = recipe(arguments.kubernetes)
        if arguments.where:
            print(wanted.folder)
            return 0
        gobuild.build(MODULE, wanted.folder, (etcd(),), uv=arguments.uv)
        gobuild.build(wanted.module, wanted.folder, wanted.programs(), uv=arguments.uv)
    except gobuild.BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"control plane: {wanted.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
