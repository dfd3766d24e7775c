"""Nodes whose kubelets kwok plays, as in `make load-kwok`, from the manifests that it writes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kwok as kwok_tool
import pytest
import yaml
from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kwok import kwok
from harness.scene import Scene
from harness.wait import until

from loadtest.inventory import DEVICES, inventory, write

pytestmark = [pytest.mark.e2e, pytest.mark.kwok]

NODES, PODS = 5, 10


@pytest.fixture
def kubelets(control_plane: ControlPlane) -> Iterator[None]:
    """kwok, for the nodes annotated for it."""
    if why := kwok_tool.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    process = kwok(control_plane, kwok_tool.folder() / "kwok")
    process.start()
    yield
    process.stop()


@pytest.fixture
def written(scene: Scene, tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    """The written manifests by file; all of the inventory is in the cluster."""
    files = write(tmp_path, NODES)
    read = {path.name: list(yaml.safe_load_all(path.read_text())) for path in files}
    scene.create_all(read["inventory.yaml"])
    return read


def is_ready(node: dict[str, Any]) -> bool:
    conditions = node["status"].get("conditions", ())
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


@pytest.mark.usefixtures("kubelets")
def test_a_job_finishes_on_kwoks_nodes_and_its_devices_are_free_again(
    scene: Scene,
    written: dict[str, list[dict[str, Any]]],
    holds: HoldWatcher,
    extender: Extender,
    scheduler: str,
) -> None:
    api = scene.api
    names = [body["metadata"]["name"] for body in inventory(NODES) if body["kind"] == "Node"]
    until(lambda: all(is_ready(api.get("Node", name)) for name in names), "kwok's nodes are ready")
    (job,) = written["job.yaml"]
    assert job["spec"]["completions"] == PODS
    assert job["spec"]["template"]["spec"]["schedulerName"] == scheduler
    scene.create(job)

    def succeeded() -> int:
        found = api.get("Job", job["metadata"]["name"], scene.namespace)
        return found["status"].get("succeeded", 0)

    until(lambda: succeeded() == PODS, "every Pod of the Job has finished", seconds=60)
    holds.catch_up()
    held = {(change.claim, device) for change in holds.changes for device in change.devices}
    assert len(held) == PODS  # one device each, and none another one later
    assert {pool for _, (_, pool, _) in held} <= {*names}
    until(
        lambda: (
            [extender.device_states(name) for name in names]
            == [dict.fromkeys((f"gpu-{number}" for number in range(DEVICES)), "free")] * NODES
        ),
        "every device is free again in the index",
    )
