"""Of verdicts that depend on what Pods take of a node's CPU the search is kept, and of all others the
result."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.diagnosis import node_message
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.scoring import DEFAULT_POLICY
from app.core.state.pledges import Pledge
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import current_entry, verdicts
from tests.node_allocatable import evaluation, mapped, state_of, taking, using, with_room
from tests.objects import allocation, claim, device, slice_of
from tests.pausing import changed_at_pause

CPU = 10**9


@dataclass
class Kept:
    """A state with the verdicts that are kept for it."""

    state: State
    cache: VerdictCache

    @classmethod
    def of(cls, *objects: JsonObject) -> "Kept":
        state = state_of(*objects)
        return cls(state, VerdictCache(state))

    def verdicts(self, name: str, *nodes: str, policy: str = DEFAULT_POLICY) -> list[tuple[str, str]]:
        """The verdict and the code of the reason, node by node, as filter gets them."""
        found = verdicts(evaluation(self.state, name, policy=policy), nodes, self.cache)
        return [(verdict.verdict, verdict.reason) for _, verdict in found]


def test_a_verdict_by_other_devices_is_kept_until_devices_of_a_pod_take_some_of_the_node() -> None:
    kept = Kept.of(
        *(with_room(name) for name in ("n1", "n2")),
        *(slice_of(name, device("plain"), mapped("a", "6")) for name in ("n1", "n2")),
        claim("c"),
        using("p", "c", cpu="5"),
    )
    assert kept.verdicts("p", "n1", "n2") == [("fits", "")] * 2
    assert (kept.cache.searches, kept.cache.shared) == (1, 1)
    kept.state.pledge("uid-other", Pledge(frozenset({"n1"}), {"cpu": 6 * CPU}, firm=True, by_devices=True))
    found = evaluation(kept.state)
    assert current_entry(found, kept.cache) is None
    assert kept.verdicts("p", "n1", "n2") == [("misfit", "ResourcesHeld"), ("fits", "")]
    assert kept.cache.searches == 2
    kept.state.redeem("uid-other")
    assert kept.verdicts("p", "n1", "n2") == [("fits", "")] * 2
    assert kept.cache.searches == 2


def test_nodes_with_devices_that_take_the_same_are_searched_once_and_judged_for_each_pod() -> None:
    kept = Kept.of(
        *(with_room(name) for name in ("n1", "n2")),
        slice_of("n1", mapped("a", "6")),
        slice_of("n2", mapped("a", "6")),
        *(claim(name) for name in ("c", "d")),
        using("small", "c", cpu="4"),
        using("big", "d", cpu="5"),
    )
    assert kept.verdicts("small", "n1", "n2") == [("fits", "")] * 2
    assert kept.verdicts("big", "n1", "n2") == [("misfit", "InsufficientResources")] * 2
    full = using("full", cpu="1")
    kept.state.upsert(parse(full | {"spec": full["spec"] | {"nodeName": "n2"}}))  # type: ignore[arg-type] # a Pod
    assert kept.verdicts("small", "n1", "n2") == [("fits", ""), ("misfit", "InsufficientResources")]
    assert (kept.cache.searches, kept.cache.shared, kept.cache.reused) == (1, 5, 0)


def test_nodes_with_devices_that_take_unequal_amounts_are_not_alike() -> None:
    kept = Kept.of(
        *(with_room(name) for name in ("n1", "n2")),
        slice_of("n1", mapped("a", "6")),
        slice_of("n2", mapped("a", "7")),
        claim("c"),
        using("p", "c", cpu="4"),
    )
    assert kept.verdicts("p", "n1", "n2") == [("fits", ""), ("misfit", "InsufficientResources")]
    assert kept.cache.searches == 2


def test_each_allocation_that_was_tried_on_one_node_is_tried_on_another() -> None:
    """The policy likes the second device better, which takes more; in-tree tries the first one."""
    first = mapped("a", "1") | {"capacity": {"memory": {"value": "80Gi"}}}
    kept = Kept.of(
        *(with_room(name) for name in ("n1", "n2", "n3")),
        *(slice_of(name, first, mapped("b", "4")) for name in ("n1", "n2", "n3")),
        claim("c"),
        using("p", "c", cpu="6"),
        *(running(name, node, cpu) for name, node, cpu in (("x", "n2", "3"), ("y", "n3", "4"))),
    )
    found = kept.verdicts("p", "n1", "n2", "n3", policy="cheapest")
    assert found == [("fits", ""), ("fits", ""), ("misfit", "InsufficientResources")]
    assert kept.cache.searches == 1


def running(name: str, node: str, cpu: str) -> JsonObject:
    raw = using(name, cpu=cpu)
    return raw | {"spec": raw["spec"] | {"nodeName": node}}


def test_an_allocated_claim_that_takes_some_counts_beside_one_whose_verdict_is_kept() -> None:
    held = claim("held") | {"status": {"allocation": allocation("n1", "a")}}
    kept = Kept.of(
        with_room(),
        slice_of("n1", device("plain"), mapped("a", "6")),
        held,
        *(claim(name) for name in ("c", "d")),
        using("p", "c", cpu="5"),
        using("both", "held", "d", cpu="5"),
    )
    assert kept.verdicts("p", "n1") == [("fits", "")]
    assert kept.verdicts("both", "n1") == [("misfit", "InsufficientResources")]


DEVICES = st.sampled_from(
    [
        device("d"),
        mapped("d", "2"),
        mapped("d", "5"),
        mapped("d", "2") | {"capacity": {"memory": {"value": "80Gi"}}},
        taking("d", cpu={"overhead": {"perPod": "1", "perContainer": "2"}}),
    ]
)
NODES = st.lists(
    st.tuples(st.lists(DEVICES, min_size=1, max_size=3), st.integers(0, 6)), min_size=1, max_size=5
)
PODS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 2)), min_size=1, max_size=3)


@given(NODES, PODS, st.sampled_from([DEFAULT_POLICY, "cheapest"]))
def test_what_is_kept_is_what_a_search_of_the_node_finds(
    nodes: list[tuple[list[JsonObject], int]], pods: list[tuple[int, int]], policy: str
) -> None:
    objects: list[JsonObject] = []
    for number, (devices, cpu) in enumerate(nodes):
        name = f"n{number}"
        named = [raw | {"name": f"d{index}"} for index, raw in enumerate(devices)]
        objects += [with_room(name), slice_of(name, *named), running(f"on-{name}", name, str(cpu))]
    for number, (cpu, wanted) in enumerate(pods):
        objects += [claim(f"c{number}", wanted), using(f"p{number}", f"c{number}", cpu=str(cpu))]
    kept = Kept.of(*objects)
    names = [f"n{number}" for number in range(len(nodes))]
    for number in range(len(pods)):
        fresh = evaluation(kept.state, f"p{number}", policy=policy)
        answers = [fresh.explained(fresh.answer(name)) for name in names]
        found = verdicts(evaluation(kept.state, f"p{number}", policy=policy), names, kept.cache)
        for answer, (_, verdict) in zip(answers, found, strict=True):
            assert (verdict.verdict, verdict.curable) == (answer.verdict, answer.curable)
            assert verdict.score == (answer.score or 0)
            assert verdict.message == (node_message(answer.reasons) if answer.verdict != "fits" else "")


def _objects() -> list[JsonObject]:
    return [*(with_room(name) for name in ("n1", "n2")), claim("c"), using("p", "c", cpu="5")]


def _publish_first_that_takes(state: State) -> None:
    state.upsert(parse(slice_of("n1", mapped("a", "6"), generation=2)))  # type: ignore[arg-type] # a slice


def _delete_the_node(state: State) -> None:
    state.delete("Node", ("", "n1"))


def _make_the_pool_unusable(state: State) -> None:
    selector = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "k", "operator": "Odd"}]}]}
    raw = slice_of("n1", device("a"), suffix="-odd")
    raw["spec"] |= {"nodeName": None, "nodeSelector": selector}
    state.upsert(parse(raw))  # type: ignore[arg-type] # a slice


@pytest.mark.parametrize("device_of_node", [device("a"), mapped("a", "5")], ids=["plain", "of the node"])
@pytest.mark.parametrize("pod_cpu", ["5", "9"])
@pytest.mark.parametrize("change", [_publish_first_that_takes, _delete_the_node, _make_the_pool_unusable])
def test_what_changes_in_a_pause_of_an_evaluation_is_found_by_the_next_one(
    device_of_node: JsonObject, pod_cpu: str, change: Callable[[State], None]
) -> None:
    for moment in count(1):
        objects = [*_objects()[:-1], using("p", "c", cpu=pod_cpu)]
        kept = Kept.of(*objects, *(slice_of(name, device_of_node) for name in ("n1", "n2")))
        with changed_at_pause(moment, partial(change, kept.state)) as pauses:
            kept.verdicts("p", "n1", "n2")
        if pauses[0] < moment:
            break
        fresh = Kept(kept.state, VerdictCache(kept.state))
        assert kept.verdicts("p", "n1", "n2") == fresh.verdicts("p", "n1", "n2")
    assert moment > 3
