"""Verdicts that depend on what Pods take of a node's CPU are not kept, and all others are."""

from dataclasses import dataclass

from app.core.json_object import JsonObject
from app.core.state.pledges import Pledge
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import current_entry, verdicts
from tests.node_allocatable import evaluation, mapped, state_of, using, with_room
from tests.objects import allocation, claim, device, slice_of

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

    def verdicts(self, name: str, *nodes: str) -> list[tuple[str, str]]:
        """The verdict and the code of the reason, node by node, as filter gets them."""
        found = verdicts(evaluation(self.state, name), nodes, self.cache)
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


def test_a_verdict_by_devices_that_take_some_is_searched_for_each_pod() -> None:
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
    assert kept.verdicts("small", "n1", "n2") == [("fits", "")] * 2
    assert (kept.cache.searches, kept.cache.reused) == (6, 0)


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
