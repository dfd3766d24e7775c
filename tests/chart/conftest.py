"""The chart as Helm renders it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm as helm_tool
import pytest
import yaml

CHART = Path(__file__).resolve().parents[2] / "charts" / "dra-extender"


@pytest.fixture(scope="session")
def helm() -> Path:
    """Helm as `make helm` has built it; without it a reason to skip, or under CI a failure."""
    program = helm_tool.folder() / "helm"
    if not program.exists():
        why = "Helm is not built: run `make helm` (1-3 min once)"
        if os.environ.get("CI") == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    return program


@pytest.fixture(scope="session")
def run_helm(
    helm: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Helm with these arguments and values, with nothing of the user's own settings."""
    home = tmp_path_factory.mktemp("helm")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": os.devnull}

    def run(
        *arguments: str | Path, values: dict[str, Any], kubernetes: str = "1.37.2", api: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """``api``: an API that the cluster serves besides those of Kubernetes."""
        served = ("--api-versions", api) if api else ()
        return subprocess.run(
            [helm, *arguments, "--kube-version", kubernetes, *served, "--values", "-"],
            input=yaml.safe_dump(values),
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    return run


@pytest.fixture(scope="session")
def render(run_helm: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., list[dict[str, Any]]]:
    """The objects of a release named `release` in the namespace `dra` with these values."""

    kept: dict[str, str] = {}  # a run of Helm takes a second; most tests look at the same few results

    def rendered(values: dict[str, Any], chart: Path = CHART, **options: str) -> list[dict[str, Any]]:
        key = repr((values, chart, options))
        if key not in kept:
            done = run_helm("template", "release", chart, "--namespace", "dra", values=values, **options)
            assert done.returncode == 0, done.stderr
            kept[key] = done.stdout
        return [document for document in yaml.safe_load_all(kept[key]) if document is not None]

    return rendered
