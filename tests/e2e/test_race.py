"""Two replicas, killed again and again while many users create and delete Pods: never twice, never lost.

RACE_ROUNDS=10 runs the race ten times instead of once.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from harness import objects, scheduling
from harness.api import Api
from harness.controlplane import ADMIN, ControlPlane
from harness.holds import HoldWatcher, held_devices
from harness.kubelet import Kubelet
from harness.replicas import Replicas
from harness.scene import Scene
from harness.wait import until
from harness.writers import Writers

from app.core.json_object import JsonObject

ROUNDS = int(os.environ.get("RACE_ROUNDS", "1"))
pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)

SCHEDULER = "race-scheduler"
NODES, DEVICES_PER_NODE = 50, 8
DEVICES = NODES * DEVICES_PER_NODE
PODS = 500
WRITERS = 64
RACE_SECONDS = 40
API_SERVER_RESTARTS = 2


@pytest.fixture(scope="module")
def control_plane(
    start_control_plane: Callable[[str], AbstractContextManager[ControlPlane]],
) -> Iterator[ControlPlane]:
    """One of its own, in place of that which other tests share: its API server is killed, it is left with
    thousands of objects to remove, and the extender beside it knows of no election."""
    with start_control_plane("race") as plane:
        yield plane


@pytest.fixture(scope="module")
def replicas(control_plane: ControlPlane) -> Iterator[Replicas]:
    """Two replicas and a kube-scheduler of theirs."""
    replicas = Replicas(control_plane)
    replicas.start()
    configuration = scheduling.with_extender(replicas.url, scheduler_name=SCHEDULER)
    # A Pod that was refused is tried again soon: the test need not wait for what is not under test.
    configuration |= {"podInitialBackoffSeconds": 1, "podMaxBackoffSeconds": 2}
    with control_plane.scheduler(SCHEDULER, configuration).kept_running():
        yield replicas
    replicas.stop()


@pytest.fixture
def users(control_plane: ControlPlane) -> Iterator[Api]:
    """Connections of their own: so many writers would keep the test from asking anything."""
    with control_plane.connect(ADMIN) as api:
        yield api


def kill_leaders(control_plane: ControlPlane, replicas: Replicas, seed: int) -> list[float]:
    """kill -9 for whoever leads, every few seconds, and for the API server now and then; all start again.

    Returns the seconds from each kill to the next leader. From the test's own thread: what a thread has
    started ends with that thread (setpriv --pdeathsig).
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    began = time.monotonic()
    outages = [
        RACE_SECONDS * (number + 1) / (API_SERVER_RESTARTS + 1) for number in range(API_SERVER_RESTARTS)
    ]
    gaps = []
    while time.monotonic() < began + RACE_SECONDS or outages:
        time.sleep(chance.uniform(1.0, 3.0))
        leader = replicas.wait_led(120)
        outage = bool(outages) and time.monotonic() > began + outages[0]
        if outage:
            outages.pop(0)
            control_plane.apiserver.kill()
        leader.kill()
        killed = time.monotonic()
        if outage:
            control_plane.apiserver.start(seconds=180)
        leader.start(seconds=180)
        replicas.wait_led(120)
        gaps.append(time.monotonic() - killed)
    return gaps


@pytest.mark.parametrize("race", range(ROUNDS))
def test_no_device_twice_and_none_lost_while_leaders_die(
    race: int,
    control_plane: ControlPlane,
    scene: Scene,
    kubelet: Kubelet,  # noqa: ARG001 - looks for Pods without their devices
    holds: HoldWatcher,
    replicas: Replicas,
    users: Api,
) -> None:
    template = inventory(scene)
    names = [f"pod-{number}" for number in range(PODS)]
    writers = Writers(
        users,
        scene.namespace,
        names,
        writers=WRITERS,
        scheduler=SCHEDULER,
        template=template,
        seed=race,
    )
    writers.start()
    gaps = kill_leaders(control_plane, replicas, race)
    writers.settle()
    told = "race %d: %d leaders killed, %d Pods deleted meanwhile, without a leader for %s s"
    log.info(told, race, len(gaps), writers.deleted, ", ".join(f"{gap:.1f}" for gap in gaps))
    assert len(gaps) >= 3

    # Claims that kube-controller-manager has lost sight of are freed by the extender only after a while.
    until(lambda: unbound(scene), f"{DEVICES} of {PODS} Pods are bound", seconds=240, pause=0.5)
    holds.catch_up()
    assert holds.double_holds == []
    check_claims(scene)
    remove_all(scene)


def inventory(scene: Scene) -> str:
    """The name of a template whose claims find devices in this scene alone."""
    name = f"race-{scene.namespace}.example.com"
    scene.create(objects.device_class(name, f'device.driver == "{objects.DRIVER}"'))
    for number in range(NODES):
        scene.node(f"node-{number}", objects.cats(DEVICES_PER_NODE))
    spec = objects.claim("unused", device_class=name)["spec"]
    template = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": "one-device"},
        "spec": {"spec": spec},
    }
    scene.create(template)
    return "one-device"


def bound(scene: Scene) -> list[JsonObject]:
    pods = scene.api.list("Pod", scene.namespace)
    return [p for p in pods if p["spec"].get("nodeName") and "deletionTimestamp" not in p["metadata"]]


class Faults(list[str]):
    """What is wrong, as `until` prints it; true when nothing is."""

    def __bool__(self) -> bool:
        return len(self) == 0


def unbound(scene: Scene) -> Faults:
    """Nothing if as many Pods are bound as there are devices; else who holds what."""
    missing = DEVICES - len(bound(scene))
    return Faults([f"{missing} Pods more should be bound", *disagreements(scene)] if missing else ())


def disagreements(scene: Scene) -> Faults:
    """Bound Pods without their devices, and devices that nobody uses."""
    claims = scene.api.list("ResourceClaim", scene.namespace)
    holders = {c["metadata"]["name"]: c for c in claims if c.get("status", {}).get("allocation")}
    found = Faults()
    for pod in bound(scene):
        (entry,) = pod["status"]["resourceClaimStatuses"]
        claim = holders.pop(entry["resourceClaimName"], None)
        status = (claim or {}).get("status", {})
        pools = {pool for _, pool, _ in held_devices(status)}
        if pools != {pod["spec"]["nodeName"]}:
            found.append(f"{pod['metadata']['name']} is bound without its device")
        elif [user["uid"] for user in status["reservedFor"]] != [pod["metadata"]["uid"]]:
            found.append(f"{pod['metadata']['name']}'s claim is reserved for {status['reservedFor']}")
    found += [f"{name} holds a device for {c['status'].get('reservedFor')}" for name, c in holders.items()]
    return found


def check_claims(scene: Scene) -> None:
    """Every bound Pod has its devices, on its node, and nobody else holds any."""
    # A Pod deleted at the end may still be on its way out.
    until(lambda: disagreements(scene), "claims and Pods agree", seconds=60, pause=1.0)


def remove_all(scene: Scene) -> None:
    for pod in scene.api.list("Pod", scene.namespace):
        scene.api.delete("Pod", pod["metadata"]["name"], scene.namespace, grace=0)
    until(lambda: not kept_claims(scene), "no claim is kept by the extender's work", seconds=60, pause=0.5)


def kept_claims(scene: Scene) -> list[str]:
    """Claims that hold devices. Others are the garbage collector's to remove, which is late with those whose
    Pod went while the API server was away."""
    claims = scene.api.list("ResourceClaim", scene.namespace)
    return [claim["metadata"]["name"] for claim in claims if claim.get("status", {}).get("allocation")]


def test_a_rolling_restart_under_load_loses_no_pod(
    scene: Scene, kubelet: Kubelet, holds: HoldWatcher, replicas: Replicas, users: Api
) -> None:
    """SIGTERM for one replica after the other, as a rollout does it."""
    template = inventory(scene)
    names = [f"pod-{number}" for number in range(DEVICES)]
    writers = Writers(
        users,
        scene.namespace,
        names,
        writers=8,
        scheduler=SCHEDULER,
        template=template,
        seed=0,
        deleting=False,
    )
    writers.start()
    until(lambda: len(bound(scene)) > 20, "binding is under way")
    gaps = []
    for _ in range(2):
        for process in sorted(replicas.processes, key=lambda p: p is replicas.leader()):
            leading = process is replicas.leader()
            if leading:
                stopping = threading.Thread(target=process.stop)
                began = time.monotonic()
                stopping.start()
                until(lambda p=process: replicas.leader() not in (None, p), "another leads", pause=0.01)
                gaps.append(time.monotonic() - began)
                stopping.join()
            else:
                process.stop()
            process.start()
    writers.settle()
    log.info("from SIGTERM to the next leader: %s s", ", ".join(f"{gap:.2f}" for gap in gaps))
    kubelet.wait_running(scene.namespace, *names, seconds=120)
    holds.catch_up()
    check_claims(scene)
