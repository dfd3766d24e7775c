"""Lists of names told by their bytes say the same as when they are read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.node_list_cache import NodeListCache
from app.api.webhooks.wire import priorities, read_filter_args
from tests.api.conftest import Asked, run
from tests.objects import claim, device, device_class, node, pod, slice_of

NAMES = [f"node-{number:05}" for number in range(200)]
POD: dict[str, Any] = {"metadata": {"name": "p", "labels": {"NodeNames": "["}}}


def body(names: list[str], pod: dict[str, Any] = POD) -> bytes:
    return b'{"Pod":%b,"Nodes":null,"NodeNames":%b}' % (orjson.dumps(pod), orjson.dumps(names))


def test_the_list_that_was_sent_is_recognised() -> None:
    lists = NodeListCache()
    lists.sent(NAMES)
    found = lists.split(body(NAMES))
    assert found is not None
    assert orjson.loads(found[0]) == {"Pod": POD, "Nodes": None}
    assert found[1].names is NAMES
    assert lists.recognised == 1


def test_a_list_that_came_twice_in_succession_is_recognised() -> None:
    lists = NodeListCache()
    for names in (NAMES, NAMES[1:], NAMES, NAMES):
        assert lists.split(body(names)) is None
        lists.received(body(names), names)
    found = lists.split(body(NAMES, {}))
    assert found is not None
    assert found[1].names is NAMES


def test_the_set_of_a_list_is_built_once_for_all_requests_with_the_list() -> None:
    lists = NodeListCache()
    for _ in range(2):
        lists.received(body(NAMES), NAMES)
    first, second = lists.split(body(NAMES)), lists.split(body(NAMES, {}))
    assert first is not None
    assert second is not None
    assert read_filter_args({"Pod": POD}, first[1]).distinct == frozenset(NAMES)
    assert second[1].distinct is first[1].distinct


def test_a_list_that_came_goes_out_as_it_came() -> None:
    lists = NodeListCache()
    came = list(NAMES)
    for _ in range(2):
        lists.received(body(came), came)
    same, equal = lists.sent(came), lists.sent(list(came))
    assert orjson.dumps(same) == orjson.dumps(equal) == orjson.dumps(NAMES)


UNKNOWN = [
    ("one name fewer", body(NAMES[1:])),
    ("another order", body(NAMES[::-1])),
    ("one name more", body([*NAMES, "other"])),
    ("a field after it", body(NAMES)[:-1] + b',"Other":1}'),
    ("another field", body(NAMES).replace(b"NodeNames", b"OtherNames")),
]


@pytest.mark.parametrize(("what", "other"), UNKNOWN, ids=[what for what, _ in UNKNOWN])
def test_another_list_is_not_recognised(what: str, other: bytes) -> None:
    lists = NodeListCache()
    lists.sent(NAMES)
    assert lists.split(other) is None, what


BROKEN = [
    ("within the Pod", b'{"Pod":{"spec":{}'),
    ("within a list", b'{"Pod":{},"Nodes":['),
    ("within a text", b'{"Pod":"'),
    ("after a comma", b'{"Pod":{},'),
    ("on its own", b""),
]


@pytest.mark.parametrize(("what", "head"), BROKEN, ids=[what for what, _ in BROKEN])
def test_what_is_no_json_stays_none_without_the_list(what: str, head: bytes) -> None:
    lists = NodeListCache()
    lists.sent(NAMES)
    whole = head + body(NAMES)[body(NAMES).rfind(b',"NodeNames"') :]
    found = lists.split(whole)
    assert found is not None, what
    for text in (whole, found[0]):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(text)


def test_a_bounded_number_of_lists_is_kept() -> None:
    lists = NodeListCache()
    every = [[*NAMES, f"last-{number}"] for number in range(20)]
    for names in every:
        lists.sent(names)
    assert sum(lists.split(body(names)) is not None for names in every) == 8


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(0, 10)), max_size=10))
def test_priorities_are_a_list_of_hosts_and_scores(pairs: list[tuple[str, int]]) -> None:
    text = orjson.dumps(priorities([name for name, _ in pairs], [score for _, score in pairs]))
    assert orjson.loads(text) == [{"Host": name, "Score": score} for name, score in pairs]


def test_prioritize_does_not_read_what_filter_has_answered(inventory: Callable[..., Path]) -> None:
    free = NAMES[::2]
    slices = (slice_of(name, device("d0")) for name in free)

    async def evaluation(service: Asked) -> None:
        lists: NodeListCache = service.app.state.service.decider.name_lists
        headers = {"Content-Type": "application/json"}
        asking = pod("p", "c")
        post = service.client.post
        answer = (await post("/scheduler/filter", content=body(NAMES, asking), headers=headers)).json()
        assert answer["NodeNames"] == free
        assert lists.recognised == 0
        scores = (await post("/scheduler/prioritize", content=body(free, asking), headers=headers)).json()
        assert [score["Host"] for score in scores] == free
        assert {score["Score"] for score in scores} == {10}
        assert lists.recognised == 1

    run(inventory(*map(node, NAMES), device_class(), *slices, claim("c")), evaluation)
