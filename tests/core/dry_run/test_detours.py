"""Third nodes for Pods that fit nowhere as it is."""

from app.core.dry_run.detours import MOST, Detours
from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.state.state import State
from tests.core.dry_run.moving import cluster, run, wanting
from tests.core.dry_run.states import rules


def detours(state: State, usable: dict[str, list[Pod]]) -> Detours:
    return Detours(rules(), lambda _: state.fork(), usable, lambda pod: (_specs(state, pod), (), ()))


def _specs(state: State, pod: Pod) -> tuple[object, ...]:
    claims: list[ResourceClaim] = [
        item for item in state.claims() if item.meta.name.startswith(f"{pod.meta.name}-")
    ]
    return tuple(item.spec for item in claims)


def shown(found: Detours, pod: Pod) -> list[tuple[str, list[str]]]:
    return [(name, [item.meta.name for item in pods]) for name, pods in found.of(pod)]


def test_the_fewest_pods_that_have_to_leave() -> None:
    """On n1 one of two is enough, on n2 both have to go, and n3 is too small in any case."""
    state = cluster(4, 4, 3, 2)
    small = {name: wanting(name, "one") for name in ("a", "b", "c", "d", "e")}
    for name, node in zip(small, ("n1", "n1", "n2", "n2", "n3"), strict=True):
        run(state, small[name], node)
    waiting = wanting("w", "three")
    state.upsert(waiting)
    usable = {"n1": [small["a"], small["b"]], "n2": [small["c"], small["d"]], "n3": [small["e"]]}

    assert shown(detours(state, usable), waiting) == [("n1", ["a"]), ("n2", ["c", "d"])]


def test_only_pods_that_are_in_the_way_leave() -> None:
    """The first one leaves first, and comes back, because the second one alone makes enough room."""
    state = cluster(4, 4)
    first, second = wanting("a", "one"), wanting("b", "two")
    run(state, first, "n1")
    run(state, second, "n1")
    waiting = wanting("w", "three")
    state.upsert(waiting)
    assert shown(detours(state, {"n1": [first, second]}), waiting) == [("n1", ["b"])]


def test_no_more_leave_than_a_few() -> None:
    state = cluster(1, 4)
    small = [wanting(f"p{number}", "one") for number in range(MOST + 1)]
    for item in small:
        run(state, item, "n1")
    waiting = wanting("w", "four")
    state.upsert(waiting)
    assert shown(detours(state, {"n1": small}), waiting) == []


def test_of_two_of_which_one_has_to_go_one_goes() -> None:
    """The third one is in the way; of the room that it leaves and the others', three GPUs are needed."""
    state = cluster(1, 4)
    first, second, third = wanting("a", "one"), wanting("b", "one"), wanting("c", "two")
    for item in (first, second, third):
        run(state, item, "n1")
    waiting = wanting("w", "three")
    state.upsert(waiting)
    assert shown(detours(state, {"n1": [first, second, third]}), waiting) == [("n1", ["b", "c"])]
