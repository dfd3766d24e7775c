"""One control plane for the whole run, and a scene for each test."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from harness import binaries, kubernetes, objects, scheduling
from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.rights import grant_chart_rights
from harness.scene import Scene

CONTROL_PLANES = pytest.StashKey[list[ControlPlane]]()
"""Those that run: what a test module has started for itself comes after that of all."""
IN_TREE = "in-tree-scheduler"


StartControlPlane = Callable[..., AbstractContextManager[ControlPlane]]


@pytest.fixture(scope="session")
def start_control_plane(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> StartControlPlane:
    """Starts one in a folder of that name, where the extender's user has the chart's rights."""

    @contextmanager
    def start(folder: str, **how: Any) -> Iterator[ControlPlane]:
        if why := binaries.missing():
            if os.environ.get("CI") == "true":
                pytest.fail(why, pytrace=False)
            pytest.skip(why)
        plane = ControlPlane(binaries.folder(), tmp_path_factory.mktemp(folder), **how)
        planes = request.config.stash.setdefault(CONTROL_PLANES, [])
        planes.append(plane)
        try:
            plane.start()
            with Scene(plane.admin) as everywhere:
                grant_chart_rights(everywhere)
                yield plane
        finally:
            plane.stop()
            planes.remove(plane)

    return start


@pytest.fixture(scope="session")
def control_plane(start_control_plane: StartControlPlane) -> Iterator[ControlPlane]:
    with start_control_plane("control-plane") as plane:
        yield plane


@pytest.fixture
def scene(control_plane: ControlPlane) -> Iterator[Scene]:
    with Scene(control_plane.admin) as scene:
        yield scene


@pytest.fixture
def class_name(scene: Scene) -> str:
    """A DeviceClass of the test's own, for every device of the tests' driver."""
    name = f"any.{scene.namespace}"
    scene.create(objects.device_class(name))
    return name


@pytest.fixture
def kubelet(control_plane: ControlPlane) -> Iterator[Kubelet]:
    """Runs the test's Pods; at the end no Pod may have been bound before its claims were written."""
    kubelet = Kubelet(control_plane.admin)
    kubelet.start()
    yield kubelet
    kubelet.stop()
    assert kubelet.died is None
    assert kubelet.faults == []


@pytest.fixture
def holds(control_plane: ControlPlane) -> Iterator[HoldWatcher]:
    """Sees every change of a claim; at the end no device may have been held by two claims at any moment."""
    holds = HoldWatcher(control_plane.etcd_url)
    holds.start()
    yield holds
    holds.catch_up()
    holds.stop()
    assert holds.double_holds == []


@pytest.fixture(scope="session")
def in_tree(control_plane: ControlPlane) -> Iterator[str]:
    """The name of a scheduler that allocates devices itself."""
    process = control_plane.scheduler(IN_TREE, scheduling.in_tree(IN_TREE))
    with process.kept_running():
        yield IN_TREE


@pytest.fixture(scope="session")
def extender(control_plane: ControlPlane) -> Iterator[Extender]:
    extender = Extender(control_plane)
    extender.process.start()
    yield extender
    extender.close()
    extender.process.stop()


@pytest.fixture(scope="session")
def scheduler(control_plane: ControlPlane, extender: Extender) -> Iterator[str]:
    """The name of a scheduler that leaves devices to the extender: examples/kube-scheduler.yaml."""
    configuration = scheduling.with_extender(extender.url)
    name = scheduling.scheduler_name(configuration)
    process = control_plane.scheduler(name, configuration)
    with process.kept_running():
        yield name


@pytest.fixture
def whole_nodes_scheduler(control_plane: ControlPlane, extender: Extender) -> Iterator[str]:
    """As `scheduler`, but it sends whole Nodes instead of their names."""
    name = "whole-nodes-scheduler"
    configuration = scheduling.with_extender(extender.url, scheduler_name=name, nodeCacheCapable=False)
    process = control_plane.scheduler(name, configuration)
    with process.kept_running():
        yield name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out what another version of Kubernetes is the first or the last to have."""
    for item in items:
        for mark in item.iter_markers("kubernetes"):
            if why := unfit(**mark.kwargs):
                item.add_marker(pytest.mark.skip(reason=why))


def unfit(*, since: str = "1.33", until: str = "1.99") -> str:
    if not kubernetes.is_since(since):
        return f"Kubernetes {since} is the first that has it by default"
    if kubernetes.number(kubernetes.MINOR) > kubernetes.number(until):
        return f"Kubernetes {until} is the last that does so"
    return ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the end of every component's log, and where the whole logs are."""
    report = yield
    planes = item.config.stash.get(CONTROL_PLANES, [])
    if report.failed and planes:
        plane = planes[-1]
        report.sections += [(f"end of {log}", text) for log, text in plane.logs()]
    return report
