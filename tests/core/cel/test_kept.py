"""What is kept by a text is kept of short ones only: expressions and requests make long ones without end."""

import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest

from app.core.cel.common.kept import SHORT, kept_if_short
from app.core.cel.values.quantities import parse_amount
from app.core.cel.values.semver import parse_semver
from app.core.cel.values.times import _zone
from app.core.selectors.admission import admit
from app.core.selectors.environment import CelFeatures


def test_a_short_text_is_read_once_and_a_long_one_each_time() -> None:
    read: list[int] = []

    def measured(text: str) -> int:
        read.append(len(text))
        return len(text)

    found = kept_if_short(2)(measured)
    for text in ("a", "a", "b" * SHORT, "b" * SHORT, "c" * (SHORT + 1), "c" * (SHORT + 1)):
        assert found(text) == len(text)
    assert read == [1, SHORT, SHORT + 1, SHORT + 1]


@pytest.mark.parametrize(
    ("read", "text"),
    [
        pytest.param(parse_amount, "7" * 20_000 + "Gi", id="quantity"),
        pytest.param(parse_semver, "1.2.3+" + "7" * 20_000, id="version"),
        pytest.param(_zone, "7" * 20_000, id="time zone"),
        pytest.param(lambda text: admit(text, CelFeatures()), "1 == " + "7" * 20_000, id="admission"),
    ],
)
def test_a_long_text_is_not_kept(read: Callable[[str], Any], text: str) -> None:
    long = "".join(text)  # a text of this test alone
    before = sys.getrefcount(long)
    read(long)
    gc.collect()
    assert sys.getrefcount(long) == before
