"""Anything in any order, until all Pods have run that can; in-tree then finds no place for the others."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from random import Random

import pytest
from harness import objects, scheduling
from harness.anything import Anything
from harness.controlplane import ADMIN, ControlPlane
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

SCHEDULER = "company-any-order"
SEEDS = tuple(int(seed) for seed in os.environ.get("ANY_ORDER_SEEDS", "1 2 3 4").split())
"""Others find more: ANY_ORDER_SEEDS="5 6 7 8" make e2e E2E='-k any_order'"""
STEPS = 30
QUIET_SECONDS = 8
"""Longer than kube-scheduler's longest back-off here and a reservation together."""


@pytest.fixture
def many(control_plane: ControlPlane, kubelet: Kubelet) -> Iterator[list[Anything]]:
    """A scene for each seed, with a client of its own: they go on at the same time."""
    with ExitStack() as stack:
        apis = [control_plane.connect(ADMIN) for _ in SEEDS]
        scenes = [stack.enter_context(Scene(stack.enter_context(api))) for api in apis]
        yield [Anything(scene, kubelet, SCHEDULER, seed) for scene, seed in zip(scenes, SEEDS, strict=True)]


def test_in_tree_finds_no_place_that_was_missed(
    control_plane: ControlPlane,
    extender: Extender,
    many: list[Anything],
    scene: Scene,
    holds: HoldWatcher,  # noqa: ARG001 - fails the test at its end if a device was held twice
) -> None:
    configuration = scheduling.with_extender(extender.url, scheduler_name=SCHEDULER) | scheduling.QUICK
    with control_plane.scheduler(f"{SCHEDULER}-extender", configuration).kept_running():
        everything = [threading.Thread(target=one.run, args=(STEPS,)) for one in many]
        for thread in everything:
            thread.start()
        time.sleep(Random(SEEDS[0]).uniform(2, 5))  # noqa: S311 - any moment while they go on
        extender.process.kill()
        extender.process.start()
        for thread in everything:
            thread.join()
        wait_until_quiet(many)
        # From here on devices get free, and nothing else happens.
        for one in many:
            one.publish_everywhere()
        wait_until_quiet(many, while_waiting=Anything.end_all)
    waiting = [{name for name, node in one.places().items() if not node} for one in many]
    assert any(waiting)
    with control_plane.scheduler(f"{SCHEDULER}-in-tree", scheduling.in_tree(SCHEDULER)).kept_running():
        # The last in its queue, and, when its bindings before that have ended, once more.
        scene.node("room")
        for name in ("last", "very-last"):
            scene.create(objects.pod(name, SCHEDULER))
            scene.wait_bound(name)
    for one, before in zip(many, waiting, strict=True):
        placed = {name for name, node in one.places().items() if node and name in before}
        assert not placed, "\n".join([f"{sorted(placed)} has a place after", *one.done])


def wait_until_quiet(
    many: Sequence[Anything], *, while_waiting: Callable[[Anything], None] = lambda _: None
) -> None:
    """Returns when no Pod has got a node for a while."""
    found: list[object] = []
    since = time.monotonic()

    def is_quiet() -> bool:
        nonlocal found, since
        for one in many:
            while_waiting(one)
        now: list[object] = [one.places() for one in many]
        if now != found:
            found, since = now, time.monotonic()
        return time.monotonic() - since > QUIET_SECONDS

    until(is_quiet, "no Pod is bound any more", seconds=180, pause=0.5)
