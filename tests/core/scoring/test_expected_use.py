"""How much of what is free the Pods that come can use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.scoring.expected_use import WHOLE, ExpectedUse, NodeRoom, PodDemand


def demand(
    cpu: int = 1000,
    devices: int = 1,
    share: int = WHOLE,
    selector: str = "",
    weight: float = 1,
    memory: int = 0,
) -> PodDemand:
    return PodDemand(cpu, memory, devices, share, selector, weight)


def worth(use: ExpectedUse, cpu: int, *shares: int, memory: int = 0, matching: str = "") -> float:
    return use.worth(NodeRoom(cpu, memory, tuple(sorted(shares))), {matching: True})


ONLY_WHOLE = ExpectedUse([demand()])
SHARES = ExpectedUse([demand(share=300)])
PAIRS = ExpectedUse([demand(devices=2)])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("nothing free", worth(ONLY_WHOLE, 9000)),
        ("too little CPU", worth(ONLY_WHOLE, 999, WHOLE)),
        ("a remainder that nobody fits", worth(SHARES, 9000, 299)),
        ("devices in use by others", worth(ONLY_WHOLE, 9000, 999, 500)),
        ("one device where two are wanted", worth(PAIRS, 9000, WHOLE, 600)),
        ("memory that is missing", worth(ExpectedUse([demand(memory=5)]), 9000, WHOLE, memory=4)),
        ("another model", worth(ExpectedUse([demand(selector="A")]), 9000, WHOLE, matching="B")),
        ("no Pod with devices comes", worth(ExpectedUse([demand(devices=0, share=0)]), 9000, WHOLE)),
    ],
)
def test_what_no_pod_can_use_is_worth_nothing(name: str, found: float) -> None:
    assert found == 0, name


def test_what_can_be_used_at_once_is_worth_all() -> None:
    assert worth(ONLY_WHOLE, 1000, WHOLE) == WHOLE
    assert worth(PAIRS, 9000, WHOLE, WHOLE, WHOLE) == 2 * WHOLE
    assert worth(SHARES, 1000, 400) == 300


def test_cpu_for_one_pod_makes_one_device_of_use() -> None:
    assert worth(ONLY_WHOLE, 1999, WHOLE, WHOLE) == WHOLE
    assert worth(ONLY_WHOLE, 2000, WHOLE, WHOLE) > WHOLE
    assert worth(PAIRS, 1999, *[WHOLE] * 4) == 2 * WHOLE


def test_each_group_of_pods_counts_as_often_as_it_comes() -> None:
    use = ExpectedUse([demand(selector="A", weight=3), demand(selector="B", weight=1)])
    assert worth(use, 1000, WHOLE, matching="A") == 0.75 * WHOLE
    assert worth(use, 1000, WHOLE, matching="B") == 0.25 * WHOLE


def test_a_remainder_is_worth_what_fits_there() -> None:
    use = ExpectedUse([demand(share=700, weight=1), demand(share=300, weight=1)])
    filled, split = worth(use, 9000, 300, WHOLE), worth(use, 9000, 1300 - 450, 450)
    assert filled > split


def test_a_mix_is_judged_alike_each_time() -> None:
    mixed = [demand(cpu=1000 * at, share=100 * at, weight=at) for at in range(1, 10)]
    assert worth(ExpectedUse(mixed), 20000, 500, WHOLE, 800) == worth(
        ExpectedUse(mixed), 20000, 500, WHOLE, 800
    )


DEMANDS = st.lists(
    st.builds(
        PodDemand,
        cpu=st.integers(0, 4000),
        memory=st.integers(0, 50),
        devices=st.integers(0, 3),
        share=st.integers(1, WHOLE),
        selector=st.sampled_from(["", "A"]),
        weight=st.floats(0.01, 10),
    ),
    max_size=6,
)


@given(DEMANDS, st.integers(0, 20000), st.integers(0, 99), st.lists(st.integers(1, WHOLE), max_size=40))
def test_a_room_is_worth_no_more_than_what_is_free(
    demands: list[PodDemand], cpu: int, memory: int, shares: list[int]
) -> None:
    found = worth(ExpectedUse(demands), cpu, *shares, memory=memory, matching="A")
    assert 0 <= found <= sum(shares) + 1e-6
