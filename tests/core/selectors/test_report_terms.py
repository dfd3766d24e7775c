"""What a selector is made of, for those who explain it."""

import pytest

from app.core.selectors.report_terms import terms_of

D = 'device.attributes["d"]'


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        (f"{D}.a == 1", ["a == 1"]),
        (f'{D}.a == "x" && {D}.b > 2', ['a == "x"', "b > 2"]),
        (f"{D}.a == 1 && ({D}.b == 2 || {D}.c == 3)", ["a == 1", "(b == 2 || c == 3)"]),
        (f"{D}.a == 1 || {D}.b == 2 && {D}.c == 3", ["a == 1 || b == 2 && c == 3"]),
        (f"{D}.a ? {D}.b && true : false", ["a ? b && true : false"]),
        (f'{D}.s == "x && y"', ['s == "x && y"']),
        (f"[1, 2].exists(i, i > 1 && {D}.a == i)", ["[1, 2].exists(i, i > 1 && a == i)"]),
        ('device.driver == "d" && true', ['device.driver == "d"', "true"]),
        ("does not compile", ["does not compile"]),
    ],
)
def test_terms_are_what_and_joins_outside_of_everything(text: str, terms: list[str]) -> None:
    assert [term.shown for term in terms_of(text)] == terms


@pytest.mark.parametrize(
    ("text", "value", "relaxed"),
    [
        (f"{D}.a >= 8", "5", f"{D}.a >= 5"),
        (f"{D}.a > 8", "5", f"{D}.a > 4"),
        (f"{D}.a < 8", "9", f"{D}.a < 10"),
        (f"8 <= {D}.a", "5", f"5 <= {D}.a"),
        (f'{D}.a == "x"', "y", f'{D}.a == "y"'),
        (
            'device.capacity["d"].m.compareTo(quantity("8Gi")) >= 0',
            "4Gi",
            'device.capacity["d"].m.compareTo(quantity("4Gi")) >= 0',
        ),
    ],
)
def test_a_comparison_can_be_put_with_another_bound(text: str, value: str, relaxed: str) -> None:
    (term,) = terms_of(text)
    assert term.with_bound(value) == relaxed


def test_what_is_no_comparison_stays_as_it_is() -> None:
    (term,) = terms_of(f"{D}.a in [1, 2]")
    assert term.comparison is None
    assert term.with_bound("3") == term.text
