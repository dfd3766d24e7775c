"""Where `make control-plane` has left the programs."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
NEEDED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")


def folder() -> Path:
    """The folder of the binaries, whether they are built or not."""
    program = REPOSITORY / "tools" / "control_plane.py"
    asked = subprocess.run([sys.executable, program, "--where"], check=True, capture_output=True, text=True)
    return Path(asked.stdout.strip())


def missing() -> str:
    """Why the tests cannot run, or an empty string."""
    names = [name for name in NEEDED if not (folder() / name).exists()]
    return f"{', '.join(names)} not built: run `make control-plane` (8-15 min once)" if names else ""
