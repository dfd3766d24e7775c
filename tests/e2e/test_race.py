"""Two replicas, killed again and again while many users create and delete Pods: never twice, never lost.

RACE_ROUNDS=10 runs the race ten times.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from harness import objects, scheduling
from harness.api import Api, Object
from harness.controlplane import ADMIN, ControlPlane
from harness.holds import HoldWatcher, held_devices
from harness.kubelet import Kubelet
from harness.process import Process
from harness.replicas import Replicas
from harness.scene import Scene
from harness.wait import until
from harness.writers import Writers

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)

SCHEDULER = "race-scheduler"
NODES, DEVICES_PER_NODE = 50, 8
DEVICES = NODES * DEVICES_PER_NODE
PODS = 500
WRITERS = 64
RACE_SECONDS = 40
API_SERVER_RESTARTS = 2
ROUNDS = int(os.environ.get("RACE_ROUNDS", "1"))


@pytest.fixture(scope="module")
def replicas(control_plane: ControlPlane) -> Iterator[Replicas]:
    """Two replicas and a kube-scheduler of theirs; the extender of other tests knows of no election."""
    alone = [p for p in control_plane.processes if p.name == "dra-extender" and p.running]
    for process in alone:
        process.stop()
    replicas = Replicas(control_plane)
    replicas.start()
    configuration = scheduling.with_extender(replicas.url, scheduler_name=SCHEDULER)
    # A Pod that was refused is tried again soon: the test need not wait for what is not under test.
    configuration |= {"podInitialBackoffSeconds": 1, "podMaxBackoffSeconds": 2}
    scheduler = control_plane.scheduler(SCHEDULER, configuration)
    scheduler.start()
    with kept_running(scheduler):
        yield replicas
    scheduler.stop()
    replicas.stop()
    for process in alone:
        process.start()


@contextmanager
def kept_running(process: Process) -> Iterator[None]:
    """Starts it again when it ends, as a kubelet does: kube-scheduler exits where its cache is at odds with
    what it hears after a restart of the API server (updatePod in pkg/scheduler/backend/cache/cache.go)."""
    enough = threading.Event()

    def keep() -> None:
        while not enough.wait(0.5):
            if not process.running:
                log.info("%s has ended, and is started again", process.name)
                process.start(seconds=180)

    keeper = threading.Thread(target=keep, name="keeper", daemon=True)
    keeper.start()
    yield
    enough.set()
    keeper.join()


@pytest.fixture
def users(control_plane: ControlPlane) -> Iterator[Api]:
    """Connections of their own: so many writers would keep the test from asking anything."""
    with control_plane.connect(ADMIN) as api:
        yield api


class Killer:
    """kill -9 for whoever leads, every few seconds, and a new start for it."""

    def __init__(self, replicas: Replicas, seed: int) -> None:
        self._replicas = replicas
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer")
        self.kills = 0
        self.gaps: list[float] = []
        self.died: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._enough.set()
        self._thread.join()
        assert self.died is None, self.died

    def _run(self) -> None:
        try:
            while not self._enough.wait(self._chance.uniform(1.0, 3.0)):
                leader = self._replicas.wait_led(120)
                leader.kill()
                self.kills += 1
                killed = time.monotonic()
                leader.start(seconds=180)
                self._replicas.wait_led(120)
                self.gaps.append(time.monotonic() - killed)
        except Exception as error:  # noqa: BLE001 - for the test to see
            self.died = error


@pytest.mark.parametrize("race", range(ROUNDS))
def test_no_device_twice_and_none_lost_while_leaders_die(
    race: int,
    control_plane: ControlPlane,
    scene: Scene,
    kubelet: Kubelet,  # noqa: ARG001 # looks for Pods without their devices
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
    killer = Killer(replicas, race)
    began = time.monotonic()
    writers.start()
    killer.start()
    for _ in range(API_SERVER_RESTARTS):
        time.sleep(RACE_SECONDS / (API_SERVER_RESTARTS + 1))
        control_plane.apiserver.kill()
        control_plane.apiserver.start(seconds=180)
    time.sleep(max(0.0, began + RACE_SECONDS - time.monotonic()))
    killer.stop()
    writers.settle()
    gaps = ", ".join(f"{gap:.1f}" for gap in killer.gaps)
    told = "race %d: %d leaders killed, %d Pods deleted meanwhile, without a leader for %s s"
    log.info(told, race, killer.kills, writers.deleted, gaps)
    assert killer.kills >= 2

    until(lambda: len(bound(scene)) == DEVICES, f"{DEVICES} of {PODS} Pods are bound", seconds=240, pause=0.5)
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


def bound(scene: Scene) -> list[Object]:
    pods = scene.api.list("Pod", scene.namespace)
    return [p for p in pods if p["spec"].get("nodeName") and "deletionTimestamp" not in p["metadata"]]


def check_claims(scene: Scene) -> None:
    """Every bound Pod has its devices, on its node, and nobody else holds any."""

    def faults() -> list[str]:
        claims = scene.api.list("ResourceClaim", scene.namespace)
        holders = {c["metadata"]["name"]: c for c in claims if c.get("status", {}).get("allocation")}
        found = []
        for pod in bound(scene):
            (entry,) = pod["status"]["resourceClaimStatuses"]
            claim = holders.pop(entry["resourceClaimName"], None)
            status = (claim or {}).get("status", {})
            pools = {pool for _, pool, _ in held_devices(status)}
            if pools != {pod["spec"]["nodeName"]}:
                found.append(f"{pod['metadata']['name']} is bound without its device")
            elif [user["uid"] for user in status["reservedFor"]] != [pod["metadata"]["uid"]]:
                found.append(f"{pod['metadata']['name']}'s claim is reserved for {status['reservedFor']}")
        return found + [f"{name} holds a device for nobody" for name in holders]

    # A Pod deleted at the end may still be on its way out.
    until(lambda: faults() == [], "claims and Pods agree", seconds=60, pause=1.0)


def remove_all(scene: Scene) -> None:
    for pod in scene.api.list("Pod", scene.namespace):
        scene.api.delete("Pod", pod["metadata"]["name"], scene.namespace, grace=0)
    until(
        lambda: not scene.api.list("ResourceClaim", scene.namespace),
        "no claim outlives its Pod",
        seconds=60,
        pause=0.5,
    )


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
