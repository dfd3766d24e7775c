"""Which of kube-scheduler's candidates help a Pod that wants devices."""

from dataclasses import replace

import pytest

from app.core.model.pod import Pod
from app.core.preemption.candidates import (
    Candidate,
    answers_after_evictions,
    helpful_candidates,
    hosts_of_victims,
)
from app.core.state.state import State
from tests.core.preemption.cluster import RULES, Cluster
from tests.objects import device_class


@pytest.fixture
def cluster() -> Cluster:
    """`free` has a device, those of `low` and `high` are in use by such a Pod, `bare` has none."""
    made = Cluster(State())
    made.add(device_class())
    for name in ("free", "low", "high", "bare"):
        made.node(name, 0 if name == "bare" else 1)
    made.running("low", "low", ["d0"], priority=1)
    made.running("high", "high", ["d0"], priority=1000)
    return made


def helpful(
    cluster: Cluster, wants: Pod, candidates: dict[str, Candidate], *, add: bool = False
) -> dict[str, Candidate]:
    return dict(helpful_candidates(cluster.state.fork(), wants, candidates, RULES, add_victims=add))


def victims(*names: str, violations: int = 0) -> Candidate:
    return Candidate(tuple(f"uid-{name}" for name in names), violations)


def test_a_node_stays_where_the_claims_fit_once_the_victims_are_gone(cluster: Cluster) -> None:
    wants = cluster.wanting("wants")
    candidates = {
        "free": victims("plain", violations=2),
        "low": victims("plain", "low"),
        "high": victims("plain"),
        "bare": victims("plain"),
        "unheard-of": victims("plain"),
    }
    assert helpful(cluster, wants, candidates) == {name: candidates[name] for name in ("free", "low")}


def test_a_device_that_a_lower_pod_holds_is_not_free_unless_that_pod_goes(cluster: Cluster) -> None:
    wants = cluster.wanting("wants")
    assert helpful(cluster, wants, {"low": victims("plain")}) == {}
    added = helpful(cluster, wants, {"low": victims("plain")}, add=True)
    assert added == {"low": victims("plain", "low")}


def test_for_a_node_without_victims_they_are_found_or_it_is_left_out(cluster: Cluster) -> None:
    wants = cluster.wanting("wants")
    nodes = {name: victims() for name in ("free", "low", "high", "bare")}
    assert helpful(cluster, wants, nodes) == {}
    assert helpful(cluster, wants, nodes, add=True) == {"low": victims("low")}


def test_only_so_many_answers_are_kept(cluster: Cluster) -> None:
    """They are for the holds of devices. A Pod may have thousands of claims, and of candidates."""
    wants, state = cluster.wanting("wants"), cluster.state
    candidates = {"free": victims("plain"), "low": victims("low")}
    found = helpful_candidates(state.fork(), wants, candidates, RULES, add_victims=False, kept=1)
    answers = {node: candidate.answer for node, candidate in found}
    assert answers.keys() == {"free", "low"}
    assert answers["free"] is not None
    assert answers["low"] is None


def test_a_pod_that_is_going_already_makes_room(cluster: Cluster) -> None:
    cluster.node("a", 1)
    cluster.running("going", "a", ["d0"], priority=1000, deletionTimestamp="2026-01-01T00:00:00Z")
    assert helpful(cluster, cluster.wanting("wants"), {"a": victims("plain")}) == {"a": victims("plain")}


def test_nobody_goes_for_a_pod_whose_claim_is_not_there(cluster: Cluster) -> None:
    wants = cluster.wanting("wants")
    cluster.state.delete("ResourceClaim", ("default", "wants-claim"))
    assert helpful(cluster, wants, {"free": victims("plain")}, add=True) == {}


def test_nodes_are_worth_a_try_where_a_less_important_pod_with_claims_runs(cluster: Cluster) -> None:
    assert hosts_of_victims(cluster.state, cluster.wanting("wants")) == {"low"}
    assert hosts_of_victims(cluster.state, cluster.wanting("most", priority=5000)) == {"low", "high"}
    assert hosts_of_victims(cluster.state, cluster.wanting("least", priority=0)) == set()
    meek = cluster.wanting("meek", preemptionPolicy="Never")
    assert hosts_of_victims(cluster.state, meek) == set()


@pytest.mark.parametrize(
    ("number", "ends", "fit"),
    [(1, True, ["first"]), (2, True, ["first", "second"]), (2, False, [])],
    ids=["one device for two", "a device for each", "nobody ends"],
)
def test_nominated_pods_get_what_pods_that_end_have_one_after_the_other(
    number: int, ends: bool, fit: list[str]
) -> None:
    made = Cluster(State())
    made.add(device_class())
    made.node("n1", number)
    more = {"deletionTimestamp": "2026-12-02T10:00:00Z"} if ends else {}
    made.running("low", "n1", [f"d{index}" for index in range(number)], **more)
    pods = [replace(made.wanting(name), nominated_node="n1") for name in ("first", "second")]
    found = answers_after_evictions(made.state.fork(), pods, RULES)
    assert [pod.meta.name for pod, _ in found] == fit
