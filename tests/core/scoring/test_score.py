from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model.allocation import read_allocation
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.scoring import MAX_SCORE, POLICIES, policy_named, score
from app.core.scoring.mix import UnknownPolicyError
from app.core.scoring.policies import binpack, spread
from app.core.scoring.prospect import Prospect
from app.core.state.state import State
from tests.objects import allocation, claim, device, node, slice_of


def prospect(total: int, taken: int) -> Prospect:
    """A node with ``taken`` of ``total`` devices in use, before one more is."""
    state = State()
    raws: list[dict[str, Any]] = [node("n1"), slice_of("n1", *(device(f"d{i}") for i in range(total)))]
    if taken:
        held = allocation("n1", *(f"d{i}" for i in range(1, taken + 1)))
        raws.append(claim("held") | {"status": {"allocation": held}})
    for raw in raws:
        state.upsert(parse(raw))  # type: ignore[arg-type]
    pools = state.inventory.pools("n1", Features())
    return Prospect(pools, state.taken, [read_allocation(allocation("n1", "d0"))])


def scored(policy: str, total: int, taken: int, ranks: tuple[int, ...] = ()) -> int:
    """The score of that node."""
    return score(policy_named(policy), prospect(total, taken), ranks).points


@pytest.mark.parametrize(
    ("policy", "total", "taken", "expected"),
    [
        ("binpack", 10, 0, 1),
        ("binpack", 10, 4, 5),
        ("binpack", 10, 9, 10),
        ("spread", 10, 0, 9),
        ("spread", 10, 9, 0),
        ("binpack", 1, 0, 10),
    ],
)
def test_scores_count_the_devices_in_use_once_the_pod_is_there(
    policy: str, total: int, taken: int, expected: int
) -> None:
    assert scored(policy, total, taken) == expected


def test_binpack_prefers_the_fuller_node_and_spread_the_emptier_one() -> None:
    assert scored("binpack", 8, 5) > scored("binpack", 8, 1)
    assert scored("spread", 8, 5) < scored("spread", 8, 1)


def test_the_users_order_of_alternatives_comes_before_the_policy() -> None:
    first_choice_on_an_empty_node = scored("binpack", 8, 0, ranks=(0,))
    second_choice_on_a_full_node = scored("binpack", 8, 7, ranks=(3,))
    assert first_choice_on_an_empty_node > second_choice_on_a_full_node


def test_each_step_down_one_of_several_lists_counts() -> None:
    # The nodes of Kubernetes' own test: its plugin gives them 15, 14 and 13 of 16.
    points = [scored("binpack", 2, 1, ranks=ranks) for ranks in ((1, 0), (0, 2), (2, 1))]
    assert points == sorted(set(points), reverse=True)


@given(st.integers(1, 12).flatmap(lambda total: st.tuples(st.just(total), st.integers(0, total - 1))))
def test_binpack_and_spread_are_opposites_between_0_and_1(numbers: tuple[int, int]) -> None:
    found = prospect(*numbers)
    assert binpack(found).value + spread(found).value == pytest.approx(1.0)


@given(
    st.sampled_from(sorted(POLICIES)),
    st.integers(1, 12).flatmap(lambda total: st.tuples(st.just(total), st.integers(0, total - 1))),
)
def test_policies_stay_between_0_and_1(policy: str, numbers: tuple[int, int]) -> None:
    assert 0.0 <= POLICIES[policy](prospect(*numbers)).value <= 1.0


def test_the_scale_is_the_extender_protocols() -> None:
    assert MAX_SCORE == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "best",
            "'best', only binpack, cheapest, expected-use, first-fit, least-fragmentation, spread, topology",
        ),
        ("", "there is no policy ''"),
        ("spread=x", "the weight of policy spread is 'x', not a number above 0"),
        ("spread=0", "the weight of policy spread is '0'"),
        ("spread=nan", "the weight of policy spread is 'nan'"),
        ("spread,spread=2", "policy spread is named twice"),
    ],
)
def test_a_policy_that_is_none_is_told_with_those_there_are(text: str, message: str) -> None:
    with pytest.raises(UnknownPolicyError, match=message):
        policy_named(text)


def test_parts_of_the_score_add_up() -> None:
    found = score(policy_named("binpack=3,spread=1"), prospect(8, 5), (0, 3))
    total = sum(part.weight * part.score for part in found.parts) / sum(part.weight for part in found.parts)
    assert found.points == round(10 * total)
    assert [part.policy for part in found.parts] == ["prioritized-list", "binpack", "spread"]
