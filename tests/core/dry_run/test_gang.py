"""All or none: what greedy misses is found, and "impossible" is true, by brute force."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.dry_run.gang import GangAnswer, place_gang
from app.core.dry_run.place import place
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.model.taints import Toleration
from app.core.state.state import State
from tests.core.diagnosis.inventory import claim, cls, cpu, dev, node, pod, pool, req, template
from tests.core.dry_run.states import members, rules, state_with
from tests.objects import DRIVER
from tests.pausing import Meter, interrupted_after, interrupted_once_after


def gang(state: State, pods: list[Pod], most_tried: int = 20_000, enough: int | None = None) -> GangAnswer:
    return place_gang(state, pods, sorted(state.nodes), rules(node_checks=True), most_tried, enough=enough)


def greedy(state: State, pods: list[Pod]) -> int:
    steps = place(state.fork(), pods, sorted(state.nodes), rules(node_checks=True))
    return sum(item.chosen is not None for item in steps)


BLUE = f'device.attributes["{DRIVER}"].colour == "blue"'
CAT = f'device.attributes["{DRIVER}"].colour == "cat"'


def page_job() -> State:
    """The task page's Job: all Pods share one claim, and each wants a cat of its own beside it."""
    return state_with(
        node("few"),
        node("many"),
        cls(),
        pool("few", dev("blue", colour="blue"), dev("cat", colour="cat")),
        pool("many", dev("blue", colour="blue"), *(dev(f"cat{i}", colour="cat") for i in range(3))),
        claim("big-blue", req(where=BLUE, allocationMode="All")),
        template("cat", req(where=CAT)),
    )


def test_a_shared_claim_goes_where_all_pods_have_room() -> None:
    pods = members(3, pod("big-blue", templates=("cat",)))
    assert greedy(page_job(), pods) == 3, "one by one too, since the first one looks ahead"
    answer = gang(page_job(), pods)
    assert answer.outcome == "fits"
    assert {item.chosen.node for item in answer.placements if item.chosen} == {"many"}


def test_more_pods_than_any_node_has_room_for_is_impossible() -> None:
    answer = gang(page_job(), members(4, pod("big-blue", templates=("cat",))))
    assert answer.outcome == "impossible"
    assert all(item.chosen is None for item in answer.placements)


def test_a_pod_that_fits_nowhere_is_named() -> None:
    answer = gang(page_job(), members(1, pod("not-there")))
    assert (answer.outcome, answer.text) == ("impossible", "Pod p0 fits on no node, even without the others")


def test_devices_of_a_node_are_given_out_together() -> None:
    """The first claim may have any device, the second only the first one's choice."""
    state = state_with(
        node("n"),
        cls(),
        pool("n", dev("a", colour="blue"), dev("b", colour="red")),
        template("any"),
        template("blue", req(where=BLUE)),
    )
    pods = [*members(1, pod(templates=("any",))), *members(1, pod(templates=("blue",)))]
    assert greedy(state, pods) == 1
    assert gang(state, pods).outcome == "fits"


def test_room_for_cpu_is_counted_for_all_of_them() -> None:
    state = state_with(node("n", cpu="3"), cls(), pool("n", *(dev(f"d{i}") for i in range(4))), template("t"))
    assert gang(state, members(3, pod(templates=("t",), containers=cpu("1")))).outcome == "fits"
    assert gang(state, members(4, pod(templates=("t",), containers=cpu("1")))).outcome == "impossible"


def test_identical_pods_and_nodes_are_counted_not_tried_in_every_order() -> None:
    nodes = [node(f"n{index:02}") for index in range(30)]
    pools = [pool(f"n{index:02}", dev("d")) for index in range(30)]
    answer = gang(state_with(*nodes, *pools, cls(), template("t")), members(31, pod(templates=("t",))))
    assert answer.outcome == "impossible"
    assert "room for 30 of 31" in answer.text
    assert answer.tried < 100


def test_a_search_that_is_cut_off_claims_nothing() -> None:
    answer = gang(page_job(), members(4, pod("big-blue", templates=("cat",))), most_tried=1)
    assert answer.outcome == "unknown"
    assert "one may exist" in answer.text


def test_when_time_is_up_nothing_is_claimed() -> None:
    """However early: in the greedy attempt, when the Pods are asked about alone, or in the search."""
    pods = members(4, pod("big-blue", templates=("cat",)))
    outcomes = []
    for moment in [*range(100), 10_000]:
        state = page_job()
        with interrupted_after(moment):
            answer = place_gang(state, pods, ["few", "many"], rules(node_checks=True))
        outcomes.append(answer.outcome)
        assert all(item.chosen is None for item in answer.placements)
    assert outcomes[0] == "unknown"
    assert outcomes[-1] == "impossible"
    assert outcomes == sorted(outcomes, reverse=True), "never unknown again with more time"


def test_thousands_of_pods_are_refused_in_short_steps() -> None:
    meter, answers = Meter(), list[GangAnswer]()
    pods = members(2_000, pod("not-there"))
    meter.measure(lambda: answers.append(gang(page_job(), pods)))
    assert [len(answer.placements) for answer in answers] == [2_000]
    assert answers[0].outcome == "impossible"
    assert meter.most < 20_000, meter.where


def test_a_search_for_many_kinds_of_pods_takes_short_steps() -> None:
    meter, outcomes = Meter(), list[str]()
    state = state_with(node("n"), cls(), pool("n", dev("d")), template("t"))
    pods = [
        replace(item, tolerations=(Toleration(f"k{number}", "Exists"),))
        for number, item in enumerate(members(600, pod(templates=("t",))))
    ]
    meter.measure(lambda: outcomes.append(gang(state, pods).outcome))
    assert outcomes == ["impossible"]
    assert meter.most < 5_000, meter.where


def test_what_is_known_of_each_pod_is_freed_with_pauses_when_time_is_up() -> None:
    pods = members(100, pod(templates=("cat",)))
    greedy_alone = Meter()
    greedy_alone.measure(lambda: greedy(page_job(), pods))
    with interrupted_once_after(greedy_alone.pauses + 2_000) as since:
        assert gang(page_job(), pods).outcome == "unknown"
    assert since[0] > 3


def test_devices_of_several_nodes_are_no_proof() -> None:
    """What one node takes of them is missing on the other: not all choices are gone through."""
    shared = pool("x", dev("d"), dev("e"))
    del shared["spec"]["nodeName"]
    shared["spec"]["allNodes"] = True
    state = state_with(node("a"), node("b"), cls(), shared, template("t"))
    assert gang(state, members(3, pod(templates=("t",)))).outcome == "unknown"
    assert gang(state, members(2, pod(templates=("t",)))).outcome == "fits"


@dataclass(frozen=True)
class Wish:
    count: int
    colour: str | None
    match: bool
    every: bool = False


@dataclass(frozen=True)
class World:
    nodes: tuple[tuple[tuple[str, int], ...], ...]
    pods: tuple[tuple[Wish | None, bool], ...]  # own claim, and whether it uses the shared one
    shared: Wish


devices = st.tuples(st.sampled_from(["red", "blue"]), st.sampled_from([0, 1]))
wishes = st.builds(
    Wish, st.integers(1, 2), st.sampled_from([None, "red", "blue"]), st.booleans(), st.booleans()
)
worlds = st.builds(
    World,
    st.lists(st.lists(devices, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple),
    st.lists(st.tuples(st.none() | wishes, st.booleans()), min_size=1, max_size=4).map(tuple),
    wishes,
)


def _spec(wish: Wish) -> tuple[JsonObject, str]:
    where = f'device.attributes["{DRIVER}"].colour == "{wish.colour}"' if wish.colour else None
    request = req(where=where, count=wish.count, **({"allocationMode": "All"} if wish.every else {}))
    return request, f"{DRIVER}/numa" if wish.match else ""


def build(world: World) -> tuple[State, list[Pod]]:
    objects: list[JsonObject] = [cls()]
    for index, listed in enumerate(world.nodes):
        made = [dev(f"d{number}", colour=colour, numa=numa) for number, (colour, numa) in enumerate(listed)]
        objects += [node(f"n{index}"), pool(f"n{index}", *made)]
    request, match = _spec(world.shared)
    objects.append(claim("shared", request, match=match))
    pods = []
    for index, (wish, uses_shared) in enumerate(world.pods):
        names = ["shared"] * uses_shared
        if wish is not None:
            request, match = _spec(wish)
            devices_ = template(f"t{index}", request)
            if match:
                devices_["spec"]["spec"]["devices"]["constraints"] = [{"matchAttribute": match}]
            objects.append(devices_)
        templates = (f"t{index}",) if wish is not None else ()
        raw = pod(*names, templates=templates)
        item = parse(raw | {"metadata": {"name": f"p{index}", "namespace": "default"}})
        assert isinstance(item, Pod)
        pods.append(item)
    return state_with(*objects), pods


def choices(
    wish: Wish, listed: tuple[tuple[str, int], ...], free: frozenset[int]
) -> Iterator[frozenset[int]]:
    """Every set of devices that meets a wish."""
    matching = [i for i, (colour, _) in enumerate(listed) if wish.colour in (None, colour)]
    sizes = len(matching) if wish.every else wish.count
    for chosen in combinations(matching, sizes):
        same = len({listed[i][1] for i in chosen}) == 1
        if chosen and free.issuperset(chosen) and (same or not wish.match):
            yield frozenset(chosen)


def met(todo: list[Wish], listed: tuple[tuple[str, int], ...], free: frozenset[int]) -> bool:
    if not todo:
        return True
    return any(met(todo[1:], listed, free - chosen) for chosen in choices(todo[0], listed, free))


def exists(world: World) -> bool:
    """Whether any assignment works: all nodes for all Pods, all devices for all claims."""
    for places in product(range(len(world.nodes)), repeat=len(world.pods)):
        sharing = {place_ for place_, (_, shares) in zip(places, world.pods, strict=True) if shares}
        if len(sharing) > 1:
            continue
        for number, listed in enumerate(world.nodes):
            todo = [w for p, (w, _) in zip(places, world.pods, strict=True) if p == number and w is not None]
            todo += [world.shared] * (number in sharing)
            if not met(todo, listed, frozenset(range(len(listed)))):
                break
        else:
            return True
    return False


@given(worlds)
@settings(max_examples=300)
def test_an_assignment_is_found_if_and_only_if_there_is_one(world: World) -> None:
    state, pods = build(world)
    answer = gang(state, pods)
    assert answer.outcome == ("fits" if exists(world) else "impossible")
    assert placed_in(answer) == (len(pods) if answer.outcome == "fits" else 0)


@given(worlds, st.data())
@settings(max_examples=300)
def test_enough_pods_are_placed_if_and_only_if_so_many_fit(world: World, data: st.DataObject) -> None:
    state, pods = build(world)
    enough = data.draw(st.integers(1, len(pods)))
    answer = gang(state, pods, enough=enough)
    fit = any(exists(replace(world, pods=tuple(some))) for some in combinations(world.pods, enough))
    assert answer.outcome == ("fits" if fit else "impossible")
    assert placed_in(answer) in (range(enough, len(pods) + 1) if fit else (0,))
    assert [item.pod for item in answer.placements] == pods


def placed_in(answer: GangAnswer) -> int:
    """How many Pods have a place. No device is given twice, nor a claim in two ways."""
    given_: list[object] = []
    holders: dict[tuple[str, str], object] = {}
    placed = [item.chosen for item in answer.placements if item.chosen is not None]
    for chosen in placed:
        for held, allocation in zip(chosen.claims, chosen.allocations, strict=True):
            assert holders.setdefault(held.key, allocation) == allocation
    for allocation in holders.values():
        given_ += [device.device for device in allocation.devices]  # type: ignore[attr-defined]
    assert len(given_) == len(set(given_)), "a device was given twice"
    return len(placed)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_greedy_places_the_gang_places(number: int) -> None:
    pods = members(number, pod(templates=("cat",)))
    assert greedy(page_job(), pods) == number
    assert gang(page_job(), pods).text == "placed one by one"
