"""Where running Pods could go: as a search finds, but searched once for Pods of one kind."""

from dataclasses import replace

from app.core.dry_run.destinations import Destinations
from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.state.state import State
from tests.core.dry_run.moving import cluster, run, wanting
from tests.core.dry_run.states import rules


def places_of(state: State) -> tuple[Destinations, list[Pod]]:
    """The places, and the Pods for which a fork was made."""
    forks: list[Pod] = []

    def claims(pod: Pod) -> list[ResourceClaim]:
        return [claim for claim in state.claims() if claim.meta.controller.name == pod.meta.name]  # type: ignore[union-attr]

    def without(pod: Pod) -> State:
        forks.append(pod)
        fork = state.fork()
        for claim in claims(pod):
            fork.upsert(replace(claim, allocation=None, reserved_for=()))
        fork.upsert(replace(pod, node_name=""))
        return fork

    return Destinations(sorted(state.nodes), rules(policy="binpack"), claims, without), forks


def test_pods_of_a_kind_are_searched_for_once() -> None:
    state = cluster(4, 4, 8, 1)
    for name, size, node in (("a", "two", "n0"), ("b", "two", "n1"), ("c", "four", "n2"), ("d", "one", "n3")):
        run(state, wanting(name, size), node)
    places, forks = places_of(state)
    pods = {name: state.pods["default", name] for name in "abcd"}

    # n2 is half full, n1 will be.
    assert places.best_first(pods["a"]) == ["n1", "n2"]
    # Its kind was searched for without n0, where a runs.
    assert places.best_first(pods["b"]) == ["n2"]
    assert [places.exist(pods[name]) for name in "abcd"] == [True, True, False, True]
    assert [pod.meta.name for pod in forks] == ["a", "c", "d"]
