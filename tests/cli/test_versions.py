"""--kubernetes-version, and the version that a snapshot records."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Cli

INVENTORY = Path("examples/inventory")
POD = """
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: either}
spec:
  devices:
    requests:
    - name: cat
      firstAvailable:
      - {name: any, deviceClassName: resource.example.com}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: main, image: none, resources: {claims: [{name: cat}]}}]
  resourceClaims: [{name: cat, resourceClaimName: either}]
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: resource.example.com}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pod.yaml"
    path.write_text(POD)
    return path


@pytest.mark.parametrize(("flags", "code"), [((), 0), (("1.34",), 0), (("1.33",), 1), (("v1.33.4",), 1)])
def test_plan_has_the_rules_of_the_version(cli: "Cli", file: Path, flags: tuple[str, ...], code: int) -> None:
    version = [word for flag in flags for word in ("--kubernetes-version", flag)]
    ran = cli("plan", "-f", file, "--snapshot", INVENTORY, *version)
    assert ran.code == code, ran.err + ran.out


def test_a_version_that_is_not_known_is_bad_input(cli: "Cli", file: Path) -> None:
    ran = cli("plan", "-f", file, "--snapshot", INVENTORY, "--kubernetes-version", "1.2")
    assert ran.code == 2
    assert "--kubernetes-version" in ran.err
    assert "the oldest supported version is 1.33" in ran.err


def test_a_snapshot_with_a_broken_record_is_bad_input(cli: "Cli", file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    metadata = {"annotations": {"dra-extender/kubernetes-version": "soon"}}
    broken.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": []}))
    for command in (("plan", "-f", file), ("check", "-f", file)):
        ran = cli(*command, "--snapshot", INVENTORY, "--snapshot", broken)
        assert ran.code == 2
        assert "'soon' is not a version of Kubernetes" in ran.err
