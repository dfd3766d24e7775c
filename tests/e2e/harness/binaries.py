"""Where `make control-plane` has left the programs."""

from pathlib import Path

from harness.kubernetes import RECIPE

REPOSITORY = Path(__file__).resolve().parents[3]
NEEDED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")


def folder() -> Path:
    """The folder of the binaries, whether they are built or not."""
    return RECIPE.folder


def missing() -> str:
    """Why the tests cannot run, or an empty string."""
    names = [name for name in NEEDED if not (folder() / name).exists()]
    return (
        f"{', '.join(names)} not built: run `make control-plane` (8-15 min once), with the same KUBERNETES"
        if names
        else ""
    )
