"""Selectors as ``kubectl -l`` takes them."""

import pytest

from app.core.model.errors import FieldError
from app.core.model.label_selector import parse_label_selector

LABELS = {"zone": "a", "gpu": "yes", "example.com/rack": "7", "empty": ""}
SELECTORS = {
    "nothing selects everything": ("", True),
    "equal": ("zone=a", True),
    "equal written twice": ("zone==a", True),
    "another value": ("zone=b", False),
    "an absent label": ("absent=a", False),
    "not equal": ("zone!=b", True),
    "not equal to what it is": ("zone!=a", False),
    "not equal and absent": ("absent!=a", True),
    "all parts hold": ("zone=a,gpu=yes", True),
    "one part does not hold": ("zone=a,gpu=no", False),
    "one of": ("zone in (a, b)", True),
    "none of": ("zone notin (a,b)", False),
    "a set among others": ("gpu=yes,zone in (b,c),zone=a", False),
    "there": ("gpu", True),
    "not there": ("!gpu", False),
    "with a domain": ("example.com/rack=7", True),
    "more than": ("example.com/rack>6", True),
    "less than": ("example.com/rack<7", False),
    "compares no text": ("zone>1", False),
    "empty value": ("empty=", True),
    "blanks around": (" zone = a , gpu ", True),
}


@pytest.mark.parametrize(("text", "expected"), SELECTORS.values(), ids=SELECTORS)
def test_selects(text: str, expected: bool) -> None:
    assert parse_label_selector(text).matches(LABELS) is expected


@pytest.mark.parametrize(
    "text", ["=a", "zone=a,", "zone in a", "zone in (a", "zone>x", "zone=a b", "zone=ä", "!", "zone = a = b"]
)
def test_what_is_no_selector_is_named(text: str) -> None:
    with pytest.raises(FieldError, match="'"):
        parse_label_selector(text)
