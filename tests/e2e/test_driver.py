"""A driver made with the helper that real drivers are made with: what it publishes is allocated, and what was
allocated it can prepare.

The test plays the kubelet: it calls the driver over its socket, before a Pod runs and after.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import driver as driver_program
import gobuild
import pytest
from harness import objects
from harness.controlplane import ControlPlane
from harness.driver import Driver
from harness.extender import Extender
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

from app.core.json_object import JsonObject

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.kubernetes(since="1.36"),
    pytest.mark.usefixtures("kubelet", "holds"),
]


@pytest.fixture(scope="session")
def program() -> Path:
    """The driver, built once; without Go skipped, but not in CI."""
    uv = Path(os.environ["UV"]) if "UV" in os.environ else None
    try:
        return driver_program.binary(uv=uv)
    except gobuild.BuildError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no driver: {error}")


@pytest.fixture
def running(
    request: pytest.FixtureRequest, program: Path, control_plane: ControlPlane, scene: Scene
) -> Iterator[Driver]:
    """A driver in the mode of the test's parameter, with a class for its devices."""
    with Driver(program, control_plane, scene, request.param) as driver:
        scene.create(objects.device_class(driver.name, f'device.driver == "{driver.name}"'))
        yield driver


def in_mode(mode: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("running", [mode], indirect=True, ids=[mode])


class Users:
    """Pods with one claim each for devices of a driver."""

    def __init__(self, scene: Scene, driver: Driver, scheduler: str) -> None:
        self._scene = scene
        self._driver = driver
        self._scheduler = scheduler

    def create(self, name: str, *, where: str = "", **request: Any) -> None:
        body = objects.claim(name, device_class=self._driver.name)
        exactly = body["spec"]["devices"]["requests"][0]["exactly"]
        exactly |= request
        if where:
            exactly["selectors"] = [{"cel": {"expression": where}}]
        self._scene.create(body)
        self._scene.create(objects.pod(name, self._scheduler, claims={"device": name}))

    def prepared(self, name: str) -> set[str]:
        """Waits until the Pod is bound, lets the driver prepare its claim, and compares that with the
        allocation. Returns the names of the devices.
        """
        self._scene.wait_bound(name)
        claim = self._scene.claim(name)
        assert self._scene.node_of(name) == self._driver.node
        answer = self._driver.prepare(claim)[name]
        assert answer["error"] == ""
        got = [
            (*device["requestNames"], device["poolName"], device["deviceName"], device.get("shareId"))
            for device in answer["devices"]
        ]
        results = claim["status"]["allocation"]["devices"]["results"]
        assert got == [
            (item["request"], item["pool"], item["device"], item.get("shareID")) for item in results
        ]
        assert {item["driver"] for item in results} == {self._driver.name}
        uid = claim["metadata"]["uid"]
        assert [device["cdiDeviceIds"] for device in answer["devices"]] == [
            [f"{self._driver.name}/card={uid}-{item['device']}"] for item in results
        ]
        return {item["device"] for item in results}

    def delete(self, name: str) -> None:
        """As the kubelet: the driver takes back what it has prepared, and the Pod goes."""
        claim = self._scene.claim(name)
        for _ in range(2):  # the kubelet may ask again
            assert self._driver.unprepare(claim) == {name: {"error": ""}}
        self._scene.api.delete("Pod", name, self._scene.namespace, grace=0)

    def refused(self, name: str) -> str:
        """Why kube-scheduler has not bound the Pod."""
        return until(lambda: self._scene.events(name, "FailedScheduling"), f"Pod {name} is refused")[0]


@pytest.fixture
def schedulers(request: pytest.FixtureRequest) -> dict[str, str]:
    """The extender's scheduler, and the one with the in-tree plugin."""
    return {"extender": request.getfixturevalue("scheduler"), "in-tree": request.getfixturevalue("in_tree")}


@in_mode("plain")
@pytest.mark.parametrize("allocator", ["extender", "in-tree"])
def test_devices_go_from_one_pod_to_the_next(
    scene: Scene,
    kubelet: Kubelet,
    running: Driver,
    schedulers: dict[str, str],
    allocator: str,
) -> None:
    users = Users(scene, running, schedulers[allocator])
    (published,) = running.slices()
    assert published["metadata"]["ownerReferences"][0]["name"] == running.node
    checked = f'device.attributes["{running.name}"].ecc && device.attributes["{running.name}"].index == 0'

    users.create("first", where=checked)
    assert users.prepared("first") == {"card-0"}
    users.create("second")
    assert users.prepared("second") == {"card-1"}
    users.create("third", where=checked)
    assert "in use" in users.refused("third") or "cannot allocate" in users.refused("third")
    kubelet.wait_running(scene.namespace, "first")
    users.delete("first")
    assert users.prepared("third") == {"card-0"}


@in_mode("partitioned")
def test_halves_and_the_whole_exclude_each_other(scene: Scene, running: Driver, scheduler: str) -> None:
    users = Users(scene, running, scheduler)
    assert [len(item["spec"].get("devices", ())) for item in running.slices()] == [0, 3]
    size = f'device.attributes["{running.name}"].engines'

    for name in ("left", "right"):
        users.create(name, where=f'{size} == "4"')
    assert users.prepared("left") | users.prepared("right") == {"half-0", "half-1"}
    users.create("all", where=f'{size} == "8"')
    assert "too few counters left" in users.refused("all")
    for name in ("left", "right"):
        users.delete(name)
    assert users.prepared("all") == {"whole"}


@in_mode("consumable")
def test_claims_share_a_device_until_its_capacity_is_used(
    scene: Scene, running: Driver, scheduler: str
) -> None:
    users = Users(scene, running, scheduler)

    def amount(memory: str) -> JsonObject:
        return {"requests": {"memory": memory}}

    users.create("small", capacity=amount("5Gi"))  # rounded up to 10Gi
    users.create("large", capacity=amount("30Gi"))
    assert users.prepared("small") == users.prepared("large") == {"shared"}
    (small,) = scene.claim("small")["status"]["allocation"]["devices"]["results"]
    assert small["consumedCapacity"] == {"memory": "10Gi"}
    users.create("more", capacity=amount("10Gi"))
    assert "too little capacity" in users.refused("more")
    users.delete("small")
    assert users.prepared("more") == {"shared"}


@in_mode("binding")
def test_a_pod_is_bound_when_the_driver_says_that_its_device_is_ready(
    scene: Scene, running: Driver, scheduler: str
) -> None:
    users = Users(scene, running, scheduler)

    users.create("waits")
    assert users.prepared("waits") == {"attached"}

    (status,) = scene.claim("waits")["status"]["devices"]
    (condition,) = status["conditions"]
    assert (condition["type"], condition["status"]) == ("example.com/Ready", "True")
    (event,) = scene.api.list("Event", scene.namespace, fieldSelector="reason=Scheduled")
    assert event["eventTime"][:19] >= condition["lastTransitionTime"][:19]


@in_mode("status")
def test_what_the_driver_reports_of_a_device_stays(
    scene: Scene, running: Driver, scheduler: str, extender: Extender
) -> None:
    users = Users(scene, running, scheduler)

    users.create("networked")
    users.prepared("networked")

    claim = scene.claim("networked")
    (status,) = claim["status"]["devices"]
    assert status["networkData"] == {"interfaceName": "net1", "ips": ["192.0.2.7/24"]}
    revision = claim["metadata"]["resourceVersion"]
    users.create("beside")
    assert users.prepared("beside") == {"card-0", "card-1"} - {status["device"]}
    now = scene.claim("networked")
    assert (now["status"]["devices"], now["metadata"]["resourceVersion"]) == ([status], revision)
    until(
        lambda: set(extender.device_states(running.node).values()) == {"taken"},
        "the index shows both devices in use",
    )
