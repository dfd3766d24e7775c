"""The same manifests under kube-scheduler's own plugin: what the extender is measured against.

It also shows that the control plane, the kubelet's part and the watch of claims work without the extender.
"""

import pytest
from cats import CatJob
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene

pytestmark = pytest.mark.e2e


def test_the_job_with_cats_runs_to_its_end(
    scene: Scene, kubelet: Kubelet, holds: HoldWatcher, in_tree: str
) -> None:
    job = CatJob(scene, kubelet, scheduler=in_tree)
    job.create()
    job.run()
    holds.catch_up()
    job.check_devices(holds)
