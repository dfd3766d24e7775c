"""make control-plane: etcd and Kubernetes' programs for the end-to-end tests, built from their Go modules."""

import argparse
import sys
from pathlib import Path

import gobuild

MODULE = gobuild.REPOSITORY / "tools" / "control-plane"
KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")


def folder() -> Path:
    """Where the binaries are, or will be."""
    return gobuild.cache_home() / "control-plane" / gobuild.module_version(MODULE, "k8s.io/kubernetes")


def programs() -> tuple[gobuild.Program, ...]:
    etcd = gobuild.module_version(MODULE, "go.etcd.io/etcd/server/v3")
    kubernetes = gobuild.module_version(MODULE, "k8s.io/kubernetes")
    return (
        gobuild.Program("etcd", "./etcd", etcd),
        *(
            gobuild.Program(name, f"k8s.io/kubernetes/cmd/{name}", kubernetes, version_flags(kubernetes))
            for name in KUBERNETES
        ),
    )


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
    parser.add_argument("--where", action="store_true", help="print the folder of the binaries and stop")
    arguments = parser.parse_args()
    if arguments.where:
        print(folder())
        return 0
    try:
        gobuild.build(MODULE, folder(), programs(), uv=arguments.uv)
    except gobuild.BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"control plane: {folder()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
