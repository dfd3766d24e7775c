"""RE2 gets nothing to do that would take long: neither its compilation nor its search can pause."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.cel.common.errors import EvalAbortError, EvalError
from app.core.cel.library import regular_expressions
from app.core.cel.library.regular_expressions import check_pattern, first_match, is_found, spans
from app.core.pauses import on_pause
from app.core.selectors.environment import CelFeatures
from app.core.selectors.selector import compile_selector

LARGE = {
    "a class of Unicode, often": r"\pL{990}",
    "classes of Unicode in a row": r"\pL" * 3_333,
    "in brackets": r"[\pL\pN]" * 1_000,
    "negated": r"[^\pL\pN\pS]" * 400,
    "ignoring case": "(?i)" + "[\u0100-\uffff]" * 1_500,
    "in a group that is repeated": r"(?:\PL{30}x){30}",
    "a repetition, often": "x{1000}" * 1_400,
    "a group without anything": "(){1000}" * 1_000,
    "optional characters in a row": "a?" * 4_900,
    "a long text": "a" * 100_000,
    "brackets without an end": "[" + r"\pL" * 2_000,
    "quoted text": r"(?:\Q" + "abc" * 3_000 + r"\E){9}",
}


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What RE2 is asked to compile."""
    asked: list[str] = []
    compile_ = regular_expressions.re2.compile

    def noted(pattern: str, options: Any) -> Any:
        asked.append(pattern)
        return compile_(pattern, options)

    monkeypatch.setattr(regular_expressions.re2, "compile", noted)
    monkeypatch.setattr(regular_expressions, "_kept", {})
    return asked


@pytest.mark.parametrize("name", LARGE)
def test_a_pattern_that_would_take_long_does_not_reach_re2(name: str, compiled: list[str]) -> None:
    with pytest.raises(EvalAbortError, match="too large: it would take more than some 10 ms to compile"):
        check_pattern(LARGE[name])
    assert compiled == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        r"^(0000:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$",
        r"(?i)^nvidia (a|h)100([- ](pcie|sxm[0-9]))?( \d{1,3}GB)?$",
        r"^\w{1,63}$",
        r"^\p{Lu}\p{Ll}+$",
        r"^[\pL\pN]+$",
        "|".join(f"model-{number:03}" for number in range(900)),
        "[]a]{2}[^]b]",
        "a{2,}b{0,3}",
    ],
)
def test_usual_patterns_compile(pattern: str, compiled: list[str]) -> None:
    check_pattern(pattern)
    assert compiled == [pattern]


PARTS = ["a", "\u00e9", ".", "[a-z]", "[^a]", r"\w", r"\W", r"\pL", r"\p{Greek}", r"\x{10FFFF}", r"\\", "^"]
OPERATORS = ["(", "(?:", ")", "|", "?", "*", "+", "{3}", "{1,20}", "{500}", "[", "]", r"\Q", r"\E", "(?i)"]


@given(st.lists(st.sampled_from(PARTS + OPERATORS), max_size=40), st.integers(1, 30))
def test_the_estimate_is_not_far_below_the_program(parts: list[str], times: int) -> None:
    pattern = "".join(parts) * times
    try:
        compiled = regular_expressions._compile(pattern)
    except (EvalError, EvalAbortError):
        return
    assert compiled.instructions <= 20 * regular_expressions._work(pattern) + 100


def test_a_large_pattern_searches_short_texts_only(compiled: list[str]) -> None:
    pattern = "(?:.?a){300}b"
    assert not is_found(pattern, "a" * 64)
    for search in (is_found, first_match, lambda *of: list(spans(*of))):
        with pytest.raises(EvalAbortError, match="matched with at most"):
            search(pattern, "a" * 3_000)
    assert compiled == [pattern]


def test_groups_are_not_reported_to_anybody() -> None:
    assert first_match("x(a)(b)?", "  xab") == "xab"
    assert list(spans("(a)|b", "ab")) == [(0, 1), (1, 2)]
    check_pattern("(" * 900 + "a" + ")" * 900)
    # The program has instructions for each group that a search would have to report.
    assert regular_expressions._kept["(" * 900 + "a" + ")" * 900].instructions < 10


def test_kept_patterns_are_bounded_by_number_and_by_size(compiled: list[str]) -> None:
    for number in range(600):
        check_pattern(f"a{number}")
        assert len(regular_expressions._kept) <= 256
    for number in range(60):
        check_pattern(rf"\pL{{9}}{number}")
        kept = sum(item.instructions for item in regular_expressions._kept.values())
        assert kept <= 500_000 + 12_000
    assert len(compiled) == 660


def test_a_pattern_is_compiled_once(compiled: list[str]) -> None:
    assert [is_found("a+", text) for text in ("b", "ba")] == [False, True]
    assert compiled == ["a+"]


def test_what_is_expensive_to_compile_counts_as_evaluation() -> None:
    costs: list[int] = []
    with on_pause(costs.append):
        regular_expressions._compile(r"\pL{9}")
    assert 40_000 < sum(costs) < 60_000


def test_a_selector_with_a_large_pattern_has_one_clear_error() -> None:
    selector = compile_selector(r"device.driver.matches(r'\pL{990}')", CelFeatures())
    assert selector.error is not None
    assert re.search("invalid matches argument: the regular expression is too large", str(selector.error))
