"""What a load on a KWOK cluster counts, and what it calls a failure."""

from typing import Any

import pytest

from app.core.json_object import JsonObject
from loadtest.progress import Progress

Steps = list[tuple[str, float]]


def pod(name: str, *, node: str = "", phase: str = "Pending", kind: str = "MODIFIED") -> JsonObject:
    spec = {"nodeName": node} if node else {}
    return {"type": kind, "object": {"metadata": {"name": name}, "spec": spec, "status": {"phase": phase}}}


def claim(owner: str, *devices: str, kind: str = "MODIFIED") -> JsonObject:
    results = [{"driver": "gpu.example.com", "pool": "node-00000", "device": name} for name in devices]
    status: dict[str, Any] = {"allocation": {"devices": {"results": results}}} if devices else {}
    metadata = {"name": f"{owner}-devices", "namespace": "default", "ownerReferences": [{"name": owner}]}
    return {"type": kind, "object": {"metadata": metadata, "status": status}}


@pytest.fixture
def reported() -> Steps:
    return []


@pytest.fixture
def progress(reported: Steps) -> Progress:
    return Progress(2, lambda name, seconds: reported.append((name, seconds)))


def finish(progress: Progress, name: str, device: str) -> None:
    """A Pod from creation to its end, as the watches show it."""
    progress.creating(name, 10.0)
    progress.pod_event(pod(name, kind="ADDED"), 10.1)
    progress.claim_event(claim(name, device))
    progress.pod_event(pod(name, node="node-00000"), 10.5)
    progress.pod_event(pod(name, node="node-00000", phase="Running"), 11.0)
    progress.pod_event(pod(name, node="node-00000", phase="Succeeded"), 16.0)
    progress.claim_event(claim(name, kind="DELETED"))


def test_pods_that_ran_to_their_end_and_freed_their_devices_pass(progress: Progress, reported: Steps) -> None:
    finish(progress, "a", "gpu-0")
    assert not progress.is_done()
    finish(progress, "b", "gpu-0")  # free again by then
    assert progress.is_done()
    assert progress.problems() == []
    assert (progress.holds.given, progress.holds.twice, progress.holds.held) == (2, 0, 0)
    assert reported == [("Pod bound", 0.5), ("Pod running", 1.0)] * 2


def test_each_step_is_reported_once_however_often_a_pod_changes(progress: Progress, reported: Steps) -> None:
    progress.creating("a", 1.0)
    for now in (2.0, 3.0, 4.0):
        progress.pod_event(pod("a", node="node-00000", phase="Running"), now)
    assert reported == [("Pod bound", 1.0), ("Pod running", 1.0)]


def test_pods_of_others_and_refused_ones_do_not_count(progress: Progress, reported: Steps) -> None:
    progress.creating("a", 1.0)
    progress.refused("a")
    progress.pod_event(pod("a", node="node-00000"), 2.0)
    progress.pod_event(pod("of-another", node="node-00000", phase="Failed"), 2.0)
    assert reported == []
    assert progress.counts() == {"created": 0, "bound": 0, "running": 0, "finished": 0}
    assert progress.problems()[0] == "0 of 2 Pods were created"


def test_a_device_in_two_claims_at_once_is_a_problem(progress: Progress) -> None:
    progress.claim_event(claim("a", "gpu-0", "gpu-1"))
    progress.claim_event(claim("b", "gpu-1"))
    assert "a device was held twice, 1 times" in progress.problems()
    assert "2 devices are still held" in progress.problems()


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (pod("b", node="node-00000", phase="Failed"), "Pod b failed"),
        (pod("b", node="node-00000", phase="Running", kind="DELETED"), "Pod b was deleted"),
        (pod("b", node="node-00000", phase="Running"), "1 of 2 Pods were finished"),
        (pod("b", node="node-00000", phase="Succeeded"), "1 Pods were bound without a device"),
    ],
)
def test_what_goes_wrong_with_a_pod_is_a_problem(progress: Progress, event: JsonObject, problem: str) -> None:
    finish(progress, "a", "gpu-0")
    progress.creating("b", 20.0)
    progress.pod_event(event, 21.0)
    assert problem in progress.problems()


def test_the_newest_pod_is_the_last_that_is_old_enough(progress: Progress) -> None:
    progress.creating("a", 1.0)
    progress.creating("b", 3.0)
    assert [progress.newest(before) for before in (0.5, 2.0, 4.0)] == ["", "a", "b"]
