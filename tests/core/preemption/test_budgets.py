"""Which budgets an eviction is charged to, and that many of them cost little."""

from dataclasses import replace

from app.core.preemption.victims import Budgets, doubly_covered, over_budget
from app.core.state.state import State
from tests.core.preemption.cluster import Cluster, budget
from tests.objects import device_class
from tests.pausing import Meter

BUDGETS = 500


def test_budgets_are_compared_once_with_pods_of_the_same_labels() -> None:
    made, without, meter = Cluster(State()), Meter(), Meter()
    made.add(device_class())
    for number in range(5):
        made.node(f"n{number}", 8)
        for index in range(8):
            own = {"app": "a", "pod-name": f"p{number}-{index}"}
            made.running(f"p{number}-{index}", f"n{number}", [f"d{index}"], labels=own)
    preemptor = made.wanting("w", 2)
    without.measure(lambda: made.plan(preemptor))
    for number in range(BUDGETS):
        made.add(budget(f"b{number}", 1, app="other"))
    found = meter.measure(lambda: made.plan(preemptor))
    assert isinstance(found, tuple), found
    assert len(found[0].victims) == 2
    assert meter.most < 6_000, meter.where
    # Each node has 255 sets of victims, of four Pods on average, which are compared with kept budgets.
    assert meter.total - without.total < 10 * (5 * 255 * 4 + BUDGETS)


def test_budgets_that_cover_a_pod_are_read_with_pauses() -> None:
    made, meter = Cluster(State()), Meter()
    made.running("one", "n1", ["d0"], labels={"app": "a"})
    for number in range(BUDGETS):
        made.add(budget(f"b{number}", 0, app="a"))
    pod = made.state.pods["default", "one"]
    budgets = Budgets.of(made.state.budgets.values())
    assert meter.measure(lambda: over_budget([pod] * 20, budgets)) == {"uid-one"}
    assert meter.most < 1_000, meter.where
    two = Meter()
    assert two.measure(lambda: doubly_covered(pod, budgets)) is True
    assert two.total < 50, "two are enough"


def test_a_budget_does_not_count_a_pod_whose_eviction_is_in_progress() -> None:
    made = Cluster(State())
    for name in ("one", "two"):
        made.running(name, "n1", ["d0"], labels={"app": "a"})
    made.add(budget("b", 1, app="a"))
    (known,) = made.state.budgets.values()
    made.state.upsert(replace(known, disrupted=frozenset({"one"})))
    one, two = (made.state.pods["default", name] for name in ("one", "two"))
    budgets = Budgets.of(made.state.budgets.values())
    assert [len(list(budgets.covering(pod))) for pod in (one, two)] == [0, 1]
    assert over_budget([one, two], budgets) == set()
    assert over_budget([two], budgets.charged([one, two])) == {"uid-two"}
    assert over_budget([one], budgets.charged([two])) == set()
    assert over_budget([two], budgets) == set(), "charged is another value"


def test_a_budget_covers_pods_of_its_namespace_that_it_selects() -> None:
    made = Cluster(State())
    made.running("one", "n1", ["d0"], labels={"app": "a", "pod-name": "one"})
    made.running("two", "n1", ["d1"], labels={"app": "b", "pod-name": "two"})
    made.running("bare", "n1", ["d2"])
    elsewhere = budget("elsewhere", 1, app="a")
    elsewhere["metadata"]["namespace"] = "team"
    nothing = budget("nothing", 1)
    nothing["spec"] = {}
    for item in (budget("a", 1, app="a"), budget("all", 1), elsewhere, nothing):
        made.add(item)
    budgets = Budgets.of(made.state.budgets.values())
    covering = {
        pod.meta.name: sorted(item.meta.name for item in budgets.covering(pod))
        for pod in made.state.pods.values()
    }
    assert covering == {"one": ["a", "all"], "two": ["all"], "bare": ["all"]}
    assert [doubly_covered(pod, budgets) for pod in made.state.pods.values()] == [True, False, False]
