"""make helm: Helm for the tests of the chart, built from its Go module."""

import sys
from pathlib import Path

import gobuild

MODULE = gobuild.REPOSITORY / "tools" / "helm"


def folder() -> Path:
    """Where the binary is, or will be."""
    return gobuild.cache_home() / "helm" / gobuild.module_version(MODULE, "helm.sh/helm/v3")


def program() -> gobuild.Program:
    version = gobuild.module_version(MODULE, "helm.sh/helm/v3")
    # client-go v0.N goes with Kubernetes 1.N. Without these two, charts are judged as for Kubernetes 1.20.
    minor = gobuild.module_version(MODULE, "k8s.io/client-go").split(".")[1]
    values = {"internal/version.version": version}
    for package in ("pkg/chartutil", "pkg/lint/rules"):
        values |= {f"{package}.k8sVersionMajor": "1", f"{package}.k8sVersionMinor": minor}
    flags = " ".join(f"-X helm.sh/helm/v3/{key}={value}" for key, value in values.items())
    return gobuild.Program("helm", "helm.sh/helm/v3/cmd/helm", version, flags)


if __name__ == "__main__":
    sys.exit(gobuild.command(__doc__, MODULE, folder(), program()))
