"""What an API server refuses though kube-scheduler would answer it, and what is said then."""

import gzip
import json
from pathlib import Path

import pytest
from cel_fuzz.__main__ import shape_of

from app.core.cel.compiler.compiler import deep
from app.core.cel.estimate import Estimator
from app.core.selectors import CelCompileError, CelFeatures, compile_selector
from app.core.selectors.admission import MAX_BYTES, MAX_COST, admit
from app.core.selectors.device_sizes import DEVICE_SIZES
from app.core.selectors.environment import compile_expression

CASES = Path(__file__).parents[1] / "cel" / "cases"
D = 'device.attributes["d"]'
UNBOUNDED = 2**64 - 1


def estimate_of(text: str, *, derived: bool = False) -> int | None:
    try:
        tree = compile_expression(text, CelFeatures(), derived=derived).tree
    except CelCompileError:
        return None
    return deep(lambda: Estimator(DEVICE_SIZES).cost(tree)).high


ESTIMATES: dict[str, tuple[str, int]] = {
    "a constant costs nothing": ("true", 0),
    "a text is as long as the shorter one when compared": ('device.driver == "a"', 3),
    "an attribute has 64 characters at most": (f"{D}.x.lowerAscii() == {D}.y", 22),
    "the whole range of a macro is counted": ("[1, 2].all(x, x > 1)", 21),
    "a domain has 32 attributes": (f'{D}.all(name, name == "a")', 164),
    "presence costs no more than what is before it": (f"has({D}.x)", 3),
    "either side of a choice, whichever is dearer": ('(true ? [1] : [1, 2]).all(x, x == 1)', 21),
    "bound once, as large as what it stands for": ('cel.bind(a, "abc", a.contains("b"))', 12),
    "dyn() hides no size": ('dyn([1]).all(x, x == 1)', 17),
    "what string() makes has no bound": ("string(1).contains(string(1))", UNBOUNDED),
    "a literal bounds a list of numbers": ("lists.range(10).all(x, x >= 0)", 72),
    "a slice of what has no bound is bounded": ("optional.of([1]).value().slice(0, 2).all(x, x == 1)", 36),
    "the key beside a value counts as long as a value": (f"{D}.all(k, v, k.contains(k))", 1732),
    "a key alone counts as long as a key": (f"{D}.all(k, k.contains(k))", 676),
    "a field of that name is taken for the device": ('{"device": "x"}.device.contains("a")', 31),
}  # fmt: skip


@pytest.mark.parametrize(("text", "cost"), ESTIMATES.values(), ids=ESTIMATES.keys())
def test_what_an_expression_is_estimated_at(text: str, cost: int) -> None:
    assert estimate_of(text) == cost


def test_recorded_estimates() -> None:
    recorded: dict[str, int] = json.loads((CASES / "estimates.json").read_text())
    wrong = [(text, cost, found) for text, cost in recorded.items() if (found := estimate_of(text)) != cost]
    assert wrong == []


def test_estimates_of_random_expressions() -> None:
    wrong, compared = [], 0
    with gzip.open(CASES / "corpus.jsonl.gz", "rt") as lines:
        for line in lines:
            case = json.loads(line)
            if "estimate" in case:
                compared += 1
                found = estimate_of(case["expression"], derived=case["mode"] == "derived")
                if found != case["estimate"]:
                    wrong.append((case, found))
    assert wrong == []
    assert compared > 2000


DEAR = "lists.range(100000).all(x, x >= 0)"
CHOICE = f"({DEAR} ? quantity('1') : quantity('2'))"

REFUSED: dict[str, tuple[str, int, str]] = {
    "three loops over a domain": (
        f"{D}.all(a, {D}.all(b, {D}.all(c, a.contains(b + c))))",
        26,
        "1,350,884, the API server takes at most 1,000,000; all() takes up to 32 turns of up to 42,215 each",
    ),
    "the inner of two loops is above the limit already": (
        "[1, 2].all(x, lists.range(200000).all(y, x == y))", 37, "all() takes up to 200,000 turns"
    ),
    "a loop over a list without bound": (
        "optional.of([1]).value().all(x, true)", 28, "nothing bounds how many turns all() takes"
    ),
    "a search in a text without bound": (
        "string(1).matches('a+')", 17, "has no bound, the API server takes at most "
        "1,000,000; nothing bounds the size of the string that matches() gets",
    ),
    "an operator on a text without bound": ("'a' + string(1) == 'b'", 4, "string that `+` gets"),
    "membership in a list without bound": ("1 in optional.of([1]).value()", 2, "list that `in` gets"),
    "parts that are dear together, on the way to a call that is not": (
        f"{CHOICE}.compareTo({CHOICE}) == 0", 78, "1,200,028, the API server takes at most 1,000,000; no"
    ),
    "a loop whose range and only turn are dear together": (
        f"[{DEAR}].all(x, x && {DEAR})", 40, "no single part is too expensive, but all of them together are"
    ),
    "a choice that is dear together, though one of its sides has no bound": (
        f"({DEAR} ? optional.of([{DEAR}]).value() : [true]) == []", 36, "no single part is too expensive"
    ),
    "a slice that ends before it starts": (
        "[1, 2].slice(1, 0) == [1]", 12, "slice(1, 0) ends before it starts, which counts as a size without"
    ),
    "a slice of what has no bound that ends before it starts": (
        "optional.of([1]).value().slice(2, 1) == [1]", 30, "slice(2, 1) ends before it starts"
    ),
    "a slice whose end is computed, from after the end of a list": (
        "[1, 2].slice(3, size('abc')) == [1]", 12, "slice() from 3 on may start after the end of its list"
    ),
    "a slice of what has no bound whose end is computed": (
        "optional.of([1]).value().slice(2, size('a')) == [1]", 30, "the size of the list that slice() gets"
    ),
    "a literal that is too large": (
        "lists.range(1000000000000000000) == [1]", 11, "what lists.range() gets is too large: give it less"
    ),
    "the end of a slice is a literal that is too large": (
        "[1].slice(0, 2000000) == [1]", 9, "slice() alone costs up to 2,000,011: give it less"
    ),
    "numbers up to one that is computed": (
        "lists.range(size('a')).size() == 1", 11, "what lists.range() makes: give it a literal"
    ),
    "what is inside of a binding": ("cel.bind(x, string(1), x.contains(x))", 33, "that contains() gets"),
    "a dear call": ("lists.range(1000).distinct().size() == 1", 26, "distinct() alone costs up to 2,000,011"),
    "many that are not dear": (
        " || ".join(["lists.range(300).distinct().size() == 1"] * 6), 126, "all of them together"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "column", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_too_dear_is_refused_at_its_place(text: str, column: int, message: str) -> None:
    admission = admit(text, CelFeatures())
    assert admission.error is not None
    assert admission.cost > MAX_COST
    assert (admission.error.line, admission.error.column) == (1, column)
    assert admission.error.message.startswith("too complex: the estimated cost ")
    assert message in admission.error.message


def test_what_is_as_dear_as_allowed_is_taken() -> None:
    taken, refused = (
        admit(f"lists.range({count}).all(x, x >= 0)", CelFeatures()) for count in (166_000, 167_000)
    )
    assert taken.error is None
    assert 0.99 * MAX_COST < taken.cost <= MAX_COST < refused.cost
    assert refused.error is not None


def test_an_error_of_types_comes_before_costs() -> None:
    admission = admit("string(1).matches('a+') && 1 == 'a'", CelFeatures())
    assert admission.cost == 0
    assert admission.error is not None
    assert "no matching overload" in admission.error.message


GATED = (f"{D}.models.exists(m, m == 'a')", f"{D}.models.includes('a')", f"{D}.x.all(x, true)")


@pytest.mark.parametrize("text", GATED)
def test_lists_are_for_servers_that_know_them(text: str) -> None:
    error = admit(text, CelFeatures()).error
    assert error is not None
    assert error.message.endswith("only with the feature gate DRAListTypeAttributes on")
    assert admit(text, CelFeatures(list_type_attributes=True)).error is None


WANTING: dict[str, tuple[str, CelFeatures, str]] = {
    "lists": (f"{D}.x.includes('a')", CelFeatures(), "gate DRAListTypeAttributes on"),
    "lists, where shares are off as well": (
        f"{D}.x.includes('a')", CelFeatures(consumable_capacity=False), "gate DRAListTypeAttributes on"
    ),
    "shares": (
        "device.allowMultipleAllocations", CelFeatures(consumable_capacity=False),
        "gate DRAConsumableCapacity on",
    ),
    "shares, where lists are on": (
        "device.allowMultipleAllocations",
        CelFeatures(list_type_attributes=True, consumable_capacity=False),
        "gate DRAConsumableCapacity on",
    ),
    "both": (
        f"device.allowMultipleAllocations && {D}.x.includes('a')", CelFeatures(consumable_capacity=False),
        "gates DRAListTypeAttributes and DRAConsumableCapacity on",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "features", "hint"), WANTING.values(), ids=WANTING.keys())
def test_no_more_gates_are_named_than_are_wanting(text: str, features: CelFeatures, hint: str) -> None:
    error = admit(text, features).error
    assert error is not None
    assert error.message.endswith(f"; the API server takes it only with the feature {hint}")


def test_another_error_is_not_put_down_to_the_gate() -> None:
    error = admit(f"{D}.models.includes('a') && nothing", CelFeatures(consumable_capacity=False)).error
    assert error is not None
    assert "feature gate" not in error.message


@pytest.mark.parametrize(("character", "width"), [("a", 1), ("ü", 2), ("\U0001f600", 4)])
def test_length_counts_in_bytes(character: str, width: int) -> None:
    frame = len('"" == ""')
    longest = f'"{character * ((MAX_BYTES - frame) // width)}" == ""'
    assert admit(longest, CelFeatures()).error is None
    error = admit(longest + " " * width, CelFeatures()).error
    assert error is not None
    assert f"at most {MAX_BYTES} bytes" in error.message
    assert error.column == len(longest) - (len(longest.encode()) > MAX_BYTES)


def test_a_derived_attribute_is_bounded_as_well() -> None:
    assert admit("device.driver", CelFeatures(), derived=True).error is None
    error = admit(
        "optional.of([1]).value().map(x, x)", CelFeatures(list_type_attributes=True), derived=True
    ).error
    assert error is not None
    assert "nothing bounds how many turns map() takes" in error.message


def test_the_deepest_expressions_are_estimated() -> None:
    text = "(" * 240 + "1" + " + 1)" * 240 + " > 0"
    assert admit(text, CelFeatures()).cost == 241


def test_what_a_cluster_has_stored_is_answered_all_the_same() -> None:
    """Dry runs and webhooks go by kube-scheduler, which asks for no estimate."""
    text = "string(1).matches('1')"
    assert admit(text, CelFeatures()).error is not None
    selector = compile_selector(text)
    assert selector.error is None
    assert selector.matches(shape_of({"driver": "gpu.example.com"}))


def test_overloads_are_tried_in_the_order_of_what_is_being_written() -> None:
    """The type of nothing is settled by the first overload: a list's there, a text's in what is stored."""
    text = "optional.none().value().lastIndexOf('a') == 1"
    assert admit(text, CelFeatures()).cost == UNBOUNDED
    assert estimate_of(text) == 1844674407370955267
