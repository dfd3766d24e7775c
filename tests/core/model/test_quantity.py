"""Quantities against the rules of apimachinery's resource.Quantity.

The expected values were read off k8s.io/apimachinery v0.37.2 itself.
"""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.quantity import NANOS, Quantity, QuantityError, canonical, parse_quantity

MAX_INT64 = 2**63 - 1

# text, amount, canonical form, format
READABLE = [
    ("0", 0, "0", "DecimalSI"),
    ("-0", 0, "0", "DecimalSI"),
    ("007", 7, "7", "DecimalSI"),
    ("+5", 5, "5", "DecimalSI"),
    ("-5", -5, "-5", "DecimalSI"),
    ("1.", 1, "1", "DecimalSI"),
    (".5", "1/2", "500m", "DecimalSI"),
    ("0.0015", "3/2000", "1500u", "DecimalSI"),
    ("1500m", "3/2", "1500m", "DecimalSI"),
    ("1000m", 1, "1", "DecimalSI"),
    ("1000", 1000, "1k", "DecimalSI"),
    ("1000k", 10**6, "1M", "DecimalSI"),
    ("100000", 10**5, "100k", "DecimalSI"),
    ("123456", 123456, "123456", "DecimalSI"),
    ("9E", 9 * 10**18, "9E", "DecimalSI"),
    ("10E", 10**19, "10E", "DecimalSI"),
    ("99999999999999999999", 10**20 - 1, "99999999999999999999", "DecimalSI"),
    ("1e3", 1000, "1e3", "DecimalExponent"),
    ("1E3", 1000, "1e3", "DecimalExponent"),
    ("12e-10", "2/1000000000", "2e-9", "DecimalExponent"),
    ("6E97", 6 * 10**97, "60e96", "DecimalExponent"),
    ("1Ki", 1024, "1Ki", "BinarySI"),
    ("1024Ki", 2**20, "1Mi", "BinarySI"),
    ("1000Ki", 1024000, "1000Ki", "BinarySI"),
    ("1.5Ki", 1536, "1536", "BinarySI"),
    ("0.5Ki", 512, "512", "BinarySI"),
    ("-1Gi", -(2**30), "-1Gi", "BinarySI"),
    ("-.5Ki", -512, "-512", "BinarySI"),
    ("0.1Ki", "1024/10", "102400m", "BinarySI"),
    ("0.0001Ki", "1024/10000", "102400u", "DecimalSI"),
    ("8Ei", MAX_INT64, str(MAX_INT64), "BinarySI"),
    ("-16Ei", -MAX_INT64, str(-MAX_INT64), "BinarySI"),
    ("8000Pi", 8000 * 2**50, "8000Pi", "BinarySI"),
    ("0.0000000001", "1/1000000000", "1n", "DecimalSI"),
    ("-0.0000000001", "-1/1000000000", "-1n", "DecimalSI"),
    ("0.9999999999", 1, "1", "DecimalSI"),
    ("1.0000000001", "1000000001/1000000000", "1000000001n", "DecimalSI"),
    ("Ki", 0, "0", "BinarySI"),
    ("-", 0, "0", "DecimalSI"),
    (".", 0, "0", "DecimalSI"),
    ("e3", 0, "0", "DecimalExponent"),
]

UNREADABLE = [
    "",
    " ",
    " 1",
    "1 ",
    "1\n",
    "1_0",
    "1,5",
    "0x10",
    "1.2.3",
    "..",
    "++1",
    "1e",
    "1e+",
    "1E-",
    "1e1.5",
    "1K",
    "1ki",
    "1i",
    "1Kii",
    "1Gi5",
    "Ei",
    "Pi",
    "e-12",
    "ten",
    "NaN",
    "Inf",
    "\u0661",
    "9" * 5000,
    "1" * 999_999 + "x",
    "1e" + "9" * 500,
    "1e101",
    "1e-101",
]


@pytest.mark.parametrize(("text", "amount", "form", "suffixes"), READABLE, ids=[row[0] for row in READABLE])
def test_reads_what_apimachinery_reads(text: str, amount: int | str, form: str, suffixes: str) -> None:
    quantity = parse_quantity(text)
    assert Fraction(quantity.nanos, NANOS) == Fraction(amount)
    assert str(quantity) == form
    assert quantity.format == suffixes
    assert quantity.text == text


@pytest.mark.parametrize("text", UNREADABLE, ids=lambda text: repr(text[:12]))
def test_refuses_what_is_no_quantity(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_quantity(text)


@pytest.mark.parametrize("value", [True, None, [], {}, b"1", 2**5000, float("nan"), float("inf")])
def test_refuses_json_that_is_no_quantity(value: object) -> None:
    with pytest.raises(QuantityError):
        parse_quantity(value)


@pytest.mark.parametrize(
    ("number", "form"),
    [(5, "5"), (-3, "-3"), (5.5, "5500m"), (0.1, "100m"), (1e22, "10e21"), (1e-05, "10e-6"), (1.0, "1")],
)
def test_json_numbers_are_quantities(number: float, form: str) -> None:
    assert str(parse_quantity(number)) == form


def test_space_around_a_quantity_does_not_count_in_json() -> None:
    assert fields.quantity(" 1Gi ") == parse_quantity("1Gi")
    with pytest.raises(FieldError, match="not a quantity"):
        fields.quantity("1 Gi")


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("1n", "2n"),
        ("999m", "1"),
        ("1k", "1Ki"),
        ("1G", "1Gi"),
        ("-1", "0"),
        ("-2Gi", "-1Gi"),
        ("1e3", "1Ki"),
    ],
)
def test_order_looks_at_amounts(smaller: str, larger: str) -> None:
    low, high = parse_quantity(smaller), parse_quantity(larger)
    assert low < high
    assert low <= high
    assert high > low
    assert high >= low
    assert low != high


def test_equal_amounts_are_equal_whatever_their_text() -> None:
    same = {parse_quantity(text) for text in ("1Ki", "1024", "1.024k", "1024e0", "1024000m")}
    assert len(same) == 1
    assert Quantity(NANOS) != 1


def test_plus_keeps_the_suffix_family() -> None:
    total = parse_quantity("1Gi").plus(parse_quantity("1Gi").nanos)
    assert str(total) == "2Gi"
    assert total.text == "2Gi"


mantissas = st.builds(
    lambda sign, whole, fraction: sign + whole + fraction,
    st.sampled_from(["", "-", "+"]),
    st.from_regex(r"[0-9]{1,22}", fullmatch=True),
    st.one_of(st.just(""), st.from_regex(r"\.[0-9]{0,14}", fullmatch=True)),
)
suffixes = st.one_of(
    st.sampled_from(["", *"numkMGTPE", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]),
    st.builds(lambda letter, power: f"{letter}{power}", st.sampled_from("eE"), st.integers(-30, 30)),
)
texts = st.builds(str.__add__, mantissas, suffixes)
FACTORS = (
    {"": Fraction(1)}
    | {suffix: Fraction(1000) ** power for power, suffix in enumerate("kMGTPE", 1)}
    | {suffix: Fraction(1, 1000) ** power for power, suffix in enumerate("mun", 1)}
    | {
        suffix: Fraction(1024) ** power
        for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)
    }
)


@given(texts)
def test_canonical_text_parses_back_to_the_same_amount(text: str) -> None:
    quantity = parse_quantity(text)
    again = parse_quantity(str(quantity))
    assert again == quantity
    assert str(again) == str(quantity)
    assert hash(again) == hash(quantity)


@given(mantissas, st.sampled_from(sorted(FACTORS)))
def test_amount_is_exact_to_the_nano_and_rounds_away_from_zero(mantissa: str, suffix: str) -> None:
    exact = Fraction(mantissa) * FACTORS[suffix]
    if suffix.endswith("i"):
        exact = max(min(exact, Fraction(MAX_INT64)), Fraction(-MAX_INT64))
    amount = Fraction(parse_quantity(mantissa + suffix).nanos, NANOS)
    assert abs(exact) <= abs(amount) < abs(exact) + Fraction(1, NANOS)
    assert amount * exact >= 0


@given(texts, texts)
def test_order_is_total_and_agrees_with_the_amounts(first: str, second: str) -> None:
    one, other = parse_quantity(first), parse_quantity(second)
    assert (one < other) == (one.nanos < other.nanos)
    assert [one < other, one == other, one > other].count(True) == 1
    assert (one <= other) == (not one > other)


@given(st.integers(-(2**70), 2**70), st.sampled_from(["DecimalSI", "BinarySI", "DecimalExponent"]))
def test_canonical_text_is_the_shortest_of_its_family(nanos: int, form: str) -> None:
    text = canonical(nanos, form)  # type: ignore[arg-type]
    assert parse_quantity(text).nanos == nanos
    digits = text.lstrip("-").rstrip("numkMGTPEi").partition("e")[0]
    assert "." not in digits
    if form != "BinarySI" and not text.endswith("E"):
        assert digits == "0" or not digits.endswith("000")


@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_a_quantity_error(text: str) -> None:
    try:
        quantity = parse_quantity(text)
    except QuantityError:
        return
    assert parse_quantity(str(quantity)) == quantity
