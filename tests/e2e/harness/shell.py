"""What a user types in a shell."""

import os
import subprocess
from pathlib import Path

from harness import binaries


def typed(commands: str, folder: Path, kubeconfig: Path) -> str:
    """What the commands print, one after the other. `dra-extender` and `kubectl` are those of this run."""
    programs = (binaries.REPOSITORY / ".venv" / "bin", binaries.folder())
    path = ":".join([*map(str, programs), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", commands],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env=os.environ | {"PATH": path, "KUBECONFIG": str(kubeconfig)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
