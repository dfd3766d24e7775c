"""Expressions made to hurt: each is answered, or refused, with bounded work."""

import pytest

from app.core.model.device import DeviceAttribute, DeviceShape, intern_shape
from app.core.selectors import CelRuntimeError, compile_selector


@pytest.fixture
def shape() -> DeviceShape:
    return intern_shape("gpu.example.com", {}, {})


REFUSED = [
    ("garbage", "\x00\x01\xff" * 1000, "unexpected character"),
    ("10 MB of terms", "true || " * 1_300_000 + "true", "limit 100000"),
    ("10 MB of text", '"' + "a" * 10_000_000 + '" == ""', "limit 100000"),
    ("deep parentheses", "(" * 40_000 + "true" + ")" * 40_000, "recursion"),
    ("parentheses one too deep", "(" * 250 + "true" + ")" * 250, "recursion limit exceeded: 250"),
    ("fields of fields", "device" + ".a" * 260, "recursion"),
    ("a chain that doubles", "optional.of(1)" + ".optMap(x, x+1)" * 40 + ".value() == 13", "too many nodes"),
    ("nested conditions", "false ? true : " * 260 + "true", "recursion limit exceeded: 250"),
    ("an invalid pattern", '"a".matches("(")', "matches"),
]


@pytest.mark.parametrize(("name", "text", "message"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refused_at_compile_time(name: str, text: str, message: str) -> None:
    selector = compile_selector(text)
    assert selector.error is not None, name
    assert message in str(selector.error)


COSTLY = [
    ("a million numbers", "lists.range(1000000).size() == 1000000"),
    ("mapped", "lists.range(1000000).map(x, x).size() == 1000000"),
    ("nested loops", "lists.range(1000).all(x, lists.range(1000).all(y, x + y >= 0))"),
    ("a long search", "lists.range(300000).exists(x, x == 200000)"),
    ("strings joined", 'lists.range(100000).map(x, string(x)).join(",").size() > 0'),
]


@pytest.mark.parametrize(("name", "text"), COSTLY, ids=[case[0] for case in COSTLY])
def test_stopped_by_the_cost_limit(name: str, text: str, shape: DeviceShape) -> None:
    selector = compile_selector(text)
    assert selector.error is None, name
    with pytest.raises(CelRuntimeError, match="cost limit exceeded"):
        selector.matches(shape)


def doubled(first: str, last: str, *, times: int = 40, item: str = "{0} + {0}") -> str:
    names = [first, *(f"v{at}" for at in range(times))]
    binds = "".join(f"cel.bind(v{at}, {item.format(names[at])}, " for at in range(times))
    return f"{binds}{last.format(names[-1])}{')' * times}"


UNREADABLE = [
    (
        "a list doubled forty times",
        doubled("[1, 2]", "{0}.all(x, x == 3) || {0}.sum() > 0"),
        "cannot be read",
    ),
    ("lists in lists, flattened", doubled("[]", "{0}.flatten(40).size() == 0", item="[{0}, {0}]"), "flatten"),
    ("a text of 10^9", f"'{'a' * 1000}'" + f".replace('a', '{'a' * 1000}')" * 2 + ".size() > 0", "replace"),
    ("5,000 values compared", "lists.range(5000).distinct().size() == 1", "cost limit"),
    ("sets of 100,000", "sets.contains(lists.range(100000), lists.range(100000))", "cost limit"),
]


@pytest.mark.parametrize(("name", "text", "message"), UNREADABLE, ids=[case[0] for case in UNREADABLE])
def test_memory_is_bounded(name: str, text: str, message: str, shape: DeviceShape) -> None:
    selector = compile_selector(text)
    assert selector.error is None, name
    with pytest.raises(CelRuntimeError, match=message):
        selector.matches(shape)


def test_what_reads_a_part_of_a_huge_list_is_answered(shape: DeviceShape) -> None:
    huge = doubled(
        "[1, 2]", "{0}.size() == 2199023255552 && {0}[2199023255551] == 2 && {0}.exists(x, x == 2)"
    )
    assert compile_selector(huge).matches(shape)


ANSWERED = [
    ("a pattern that backtracking engines choke on", '("a" + "a" * 1).matches("(a+)+$")', None),
    ("the same, not matching", f'"{"a" * 60}b".matches("(a+)+$")', False),
    ("many terms", " && ".join(["true"] * 5000), True),
    ("many signs", "!" * 5000 + "true", True),
    ("249 parentheses", "(" * 249 + "true" + ")" * 249, True),
    (
        "text that grows",
        '"aaaaaaaaaa".replace("a", "aaaaaaaaaa").replace("a", "aaaaaaaaaa").size() > 0',
        True,
    ),
]


@pytest.mark.parametrize(("name", "text", "answer"), ANSWERED, ids=[case[0] for case in ANSWERED])
def test_answered(name: str, text: str, answer: bool | None, shape: DeviceShape) -> None:
    selector = compile_selector(text)
    if answer is None:
        assert selector.error is not None, name
    else:
        assert selector.error is None, name
        assert selector.matches(shape) is answer


def test_what_an_expression_can_reach_is_a_device_and_nothing_of_python() -> None:
    for text in (
        "device.__class__ == device.__class__",
        "__import__('os') == null",
        'device.driver.__class__ == "x"',
        "device.cel_view == null",
        "open('/etc/passwd') == ''",
    ):
        assert compile_selector(text).error is not None


@pytest.mark.parametrize(
    "text", ['{}.matches("^.$")', '{}.find(".").size() == 1', '{}.findAll(".").size() == 1']
)
def test_a_text_that_is_no_unicode_is_one_character(text: str) -> None:
    broken = intern_shape(
        "gpu.example.com", {"gpu.example.com/model": DeviceAttribute("string", "\ud800")}, {}
    )
    assert compile_selector(text.format('device.attributes["gpu.example.com"].model')).matches(broken)
