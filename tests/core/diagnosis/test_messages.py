import pytest

from app.core.allocator import Reason
from app.core.allocator.evidence import ConstraintValues, Evidence, RequestValues
from app.core.diagnosis.messages import MAX_NODE_MESSAGE, headline, node_message, summary

IN_USE = Reason("DevicesInUse", "long text with 8 devices", "ns/c", "gpu", {"DevicesInUse": 8})
NONE = Reason("SelectorRejected", "long text", "ns/c", "gpu")
APART = ConstraintValues(
    "matchAttribute", "numa", 3, (), tuple(RequestValues(name, ()) for name in "abc"), disjoint=True
)
CORDONED = Reason("NodeUnschedulable", "node(s) were unschedulable")


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (IN_USE, "node(s) had all matching devices in use for request gpu"),
        (NONE, "node(s) had no matching device for request gpu"),
        (
            Reason("ConstraintNotMet", "m", "ns/c"),
            "node(s) had no devices that satisfy the constraints of a claim",
        ),
        (
            Reason("ConstraintNotMet", "m", "ns/c", evidence=Evidence(constraints=(APART,))),
            "node(s) had no devices that satisfy the constraints of a claim "
            "(matchAttribute numa: none in common for a, b and c)",
        ),
        (CORDONED, "node(s) were unschedulable"),
        (Reason("TooFewDevices", "each could be met alone"), "each could be met alone"),
        (
            Reason("PoolInvalid", "pool d/n1 is invalid: a device twice"),
            "node(s) had an invalid resource pool",
        ),
        (
            Reason(
                "PoolInvalid", "requests all devices, but pool d/n1 is invalid: a device twice", "ns/c", "gpu"
            ),
            "node(s) had an invalid resource pool, and request gpu needs all devices",
        ),
    ],
)
def test_headlines_have_no_counts_and_no_names_of_pools(reason: Reason, text: str) -> None:
    assert headline(reason) == text


def test_a_reason_given_twice_is_said_once() -> None:
    assert node_message([IN_USE, IN_USE, NONE]) == f"{headline(IN_USE)}; {headline(NONE)}"


def test_a_long_message_is_cut() -> None:
    text = node_message([Reason("X", "y" * 1000)])
    assert len(text) == MAX_NODE_MESSAGE
    assert text.endswith("…")


def test_nodes_with_the_same_text_are_counted_together_most_frequent_first() -> None:
    refusals = [(CORDONED,), (IN_USE,), (NONE,), (IN_USE,)]
    assert summary(0, refusals) == (
        "0/4 nodes fit: 2 node(s) had all matching devices in use for request gpu, "
        "1 node(s) had no matching device for request gpu, 1 node(s) were unschedulable"
    )


def test_the_order_of_nodes_does_not_matter() -> None:
    refusals = [(CORDONED,), (IN_USE,), (NONE,), (IN_USE,)]
    assert summary(1, refusals) == summary(1, reversed(refusals))


@pytest.mark.parametrize(("fitting", "text"), [(0, "there are no nodes"), (3, "3/3 nodes fit")])
def test_without_refusals(fitting: int, text: str) -> None:
    assert summary(fitting, []) == text


def test_many_different_texts_end_in_a_rest() -> None:
    refusals = [(Reason("X", f"reason {index:02}"),) for index in range(20)]
    assert summary(0, refusals).endswith("12 node(s) had other reasons")
