"""What `convert` writes for each version of resource.k8s.io is what an API server takes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from harness import objects
from harness.controlplane import ADMIN, ControlPlane
from harness.scene import Scene
from harness.shell import typed

pytestmark = [pytest.mark.e2e, pytest.mark.core]

WRONG = {"with-mistakes.yaml"}  # an example for `check`
FILES = [
    path
    for path in sorted(objects.EXAMPLES.rglob("*.yaml"))
    if path.name not in WRONG and "resource.k8s.io/" in path.read_text()
]


def test_every_example_is_accepted_in_every_version_that_is_served(
    control_plane: ControlPlane, scene: Scene, tmp_path: Path
) -> None:
    kubeconfig = control_plane.kubeconfig(ADMIN)
    group = json.loads(typed("kubectl get --raw /apis/resource.k8s.io", tmp_path, kubeconfig))
    versions = [
        item["version"] for item in group["versions"] if item["version"] in {"v1", "v1beta2", "v1beta1"}
    ]
    assert len(versions) >= 2
    for version in versions:
        items = list(converted(version, scene.namespace, tmp_path, kubeconfig))
        (tmp_path / "all.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        said = typed("kubectl create --dry-run=server -f all.json", tmp_path, kubeconfig)
        assert said.count("created (server dry run)") == len(items) > 20


def converted(version: str, namespace: str, folder: Path, kubeconfig: Path) -> Iterator[objects.JsonObject]:
    """The objects of resource.k8s.io in the examples, each with a name of its own."""
    for number, path in enumerate(FILES):
        text = typed(f"dra-extender convert --to {version} -f {path}", folder, kubeconfig)
        for place, item in enumerate(filter(None, yaml.safe_load_all(text))):
            if item["apiVersion"].startswith("resource.k8s.io/") and item["kind"] != "DeviceTaintRule":
                assert item["apiVersion"] == f"resource.k8s.io/{version}"
                item["metadata"]["name"] = f"{item['metadata']['name']}-{number}-{place}"
                if item["kind"].startswith("ResourceClaim"):
                    item["metadata"]["namespace"] = namespace
                yield item
