"""Plans of moves among many Pods and budgets pause often, and compare a Pod with few budgets."""

from app.core.dry_run.defragment import defragment
from app.core.dry_run.movable import movable_pods
from app.core.dry_run.repack import follow, repack
from app.core.dry_run.what_if import drain
from app.core.state.state import State
from tests.core.preemption.cluster import RULES, Cluster, budget
from tests.objects import device, device_class, slice_of
from tests.pausing import Meter

MAX_CALLS = 6_000
"""Between two pauses: some 3 ms."""
NODES, EACH = 60, 8
OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "r", "controller": True}


def full(**labels: str) -> Cluster:
    """Nodes with eight devices, each held by a Pod of a ReplicaSet, and one empty node."""
    made = Cluster(State())
    made.add(device_class())
    for number in range(NODES):
        made.node(f"n{number}", EACH)
        for index in range(EACH):
            name = f"p{number}-{index}"
            own = labels | {"pod-name": name}
            made.running(name, f"n{number}", [f"d{index}"], labels=own, ownerReferences=[OWNER])
    made.node("empty", NODES)
    return made


def budgeted(made: Cluster, number: int) -> None:
    for index in range(number):
        made.add(budget(f"b{index}", 1, app="other"))


def test_pods_of_the_same_labels_are_compared_with_budgets_once() -> None:
    made, meter = full(app="a"), Meter()
    budgeted(made, 500)
    found = meter.measure(lambda: movable_pods(made.state, 0))
    assert len(found.pods) == NODES * EACH, found  # type: ignore[attr-defined] # Movable
    assert meter.most < MAX_CALLS, meter.where
    assert meter.total < 100 * NODES * EACH, "500 budgets times 480 Pods"


def test_repack_pauses_while_it_takes_all_pods_off() -> None:
    made, meter = full(), Meter()
    waiting = made.wanting("w", NODES + 1, priority=0)
    nodes = sorted(made.state.nodes)
    found = meter.measure(lambda: repack(made.state, [waiting], nodes, RULES))
    assert getattr(found, "text", found) == "not even moving all Pods that may move away would make room"
    assert meter.most < MAX_CALLS, meter.where


def test_defragmentation_pauses_while_it_reads_pods() -> None:
    made, meter = full(), Meter(most_pauses=5_000)
    nodes = sorted(made.state.nodes)
    meter.measure(lambda: defragment(made.state, nodes, RULES, 0.001))
    assert meter.most < MAX_CALLS, meter.where


def test_defragmentation_pauses_among_the_devices_of_all_nodes() -> None:
    made, meter = full(), Meter(most_pauses=5_000)
    for number in range(1_000):
        raw = slice_of("x", device("d"), suffix=f"-{number}")
        del raw["spec"]["nodeName"]
        raw["spec"] |= {"allNodes": True, "driver": "net.example.com"}
        raw["spec"]["pool"]["name"] = f"all-{number}"
        made.add(raw)
    nodes = sorted(made.state.nodes)
    meter.measure(lambda: defragment(made.state, nodes, RULES, 0.001))
    assert meter.most < MAX_CALLS, meter.where


def test_each_step_of_a_plan_looks_at_one_pod() -> None:
    made, meter = full(), Meter()
    nodes = sorted(made.state.nodes)
    steps = [(("default", f"p{number}-0"), "empty") for number in range(NODES)]
    found = meter.measure(lambda: follow(made.state, [], nodes, RULES, steps))
    assert getattr(found, "text", found) == f"{NODES} Pod(s) to move, as planned"
    assert meter.most < MAX_CALLS, meter.where


def test_a_drain_reads_the_claims_once_with_pauses() -> None:
    made, meter = full(), Meter()
    found = meter.measure(lambda: drain(made.state.fork(), "n7"))
    assert len(found) == EACH, found  # type: ignore[arg-type] # the evicted Pods
    assert meter.most < MAX_CALLS, meter.where
    assert meter.total < 30 * NODES * EACH
