"""Requests of Cluster Autoscaler that are made to hurt: each is refused or read with pauses."""

from collections.abc import Callable

import pytest

from app.api.expander.messages import (
    MAX_OBJECT_FIELDS,
    MAX_OPTIONS,
    BestOptionsRequest,
    RequestError,
    read_request,
    response,
)
from app.api.expander.protobuf import written
from tests.pausing import Meter

MOST_PODS = 10_000
NAMED = written(1, written(1, "p"))
"""The metadata of a Pod or Node."""


def option(group: str = "g", *pods: bytes) -> bytes:
    return written(1, written(1, group) + b"".join(written(5, pod) for pod in pods))


def pod(name: str, spec: bytes = b"") -> bytes:
    return written(1, written(1, name)) + written(2, spec)


TOLERATION = written(22, written(1, "k"))

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "options without end": (
        lambda: option() * (MAX_OPTIONS + 1),
        f"the request: has more than {MAX_OPTIONS} options",
    ),
    "one Pod with fields without end": (
        lambda: option("g", pod("p", TOLERATION * MAX_OBJECT_FIELDS)),
        "options[0].podBytes[0]: Pod: spec.tolerations[4998]: has too many fields",
    ),
    "a Node with labels without end": (
        lambda: written(3, written(1, "g") + written(2, written(1, written(11, b"") * 20_000))),
        "nodeBytesMap[g]: Node: metadata: has too many fields",
    ),
    "fields without end in all": (
        lambda: b"".join(option("g", pod(f"p{n}", TOLERATION * 4500)) for n in range(5)),
        "options[3].podBytes[0]: Pod: the object: has too many fields",
    ),
    "unknown fields without end": (lambda: written(99, 1) * 40_000, "the request: has too many fields"),
    "a name without end": (
        lambda: option("g" * 100_000),
        "options[0].nodeGroupId: must have at most 1024 characters",
    ),
}


@pytest.mark.parametrize(("made", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_too_much_is_refused_with_pauses(made: Callable[[], bytes], message: str) -> None:
    body, meter = made(), Meter(10_000_000)
    refusal = meter.measure(lambda: read_request(body, MOST_PODS, 30_000))
    assert isinstance(refusal, RequestError)
    assert str(refusal) == message
    assert meter.most < 100_000, meter.where


def test_the_largest_pods_are_read_with_pauses() -> None:
    specs = TOLERATION * 4000
    body = b"".join(option(f"g{n}", pod(f"p{n}", specs)) for n in range(20))
    meter = Meter()
    read = meter.measure(lambda: read_request(body, MOST_PODS))
    assert isinstance(read, BestOptionsRequest)
    assert len(read.options[3].pods[0].tolerations) == 4000
    assert meter.most < 150_000, meter.where


def test_a_pod_of_several_options_is_read_once() -> None:
    one = pod("p")
    read = read_request(option("a", one, pod("q")) + option("b", one), MOST_PODS)
    assert read.options[0].pods[0] is read.options[1].pods[0]
    assert [item.group for item in read.options] == ["a", "b"]


def test_the_bytes_have_precedence_over_messages() -> None:
    both = written(1, written(1, "g") + written(4, pod("old")) + written(5, pod("new")))
    nodes = written(2, written(1, "g") + written(2, NAMED)) + written(
        3, written(1, "g") + written(2, written(1, written(1, "new")))
    )
    (option_,) = read_request(both + nodes, MOST_PODS).options
    assert [item.meta.name for item in option_.pods] == ["new"]
    assert option_.template is not None
    assert option_.template.name == "new"


def test_a_long_text_is_cut_in_the_response() -> None:
    body = written(1, written(1, "g") + written(2, 3) + written(3, "x" * 10_000))
    sent = response(list(read_request(body, MOST_PODS).messages))
    assert sent == written(1, written(1, "g") + written(2, 3) + written(3, "x" * 256))
