"""Functions of lists and texts as long as an expression can make them: none reads all of it in one step."""

from collections.abc import Callable
from typing import Any

import pytest

from app.core.cel.common.errors import EvalAbortError
from app.core.cel.library.formatting import format_text
from app.core.cel.library.lists import list_index_of, range_
from app.core.cel.library.strings import lower_ascii, upper_ascii
from app.core.cel.values.kinds import are_all
from app.core.cel.values.values import CelMap
from app.core.pauses import on_pause

LONG = tuple(range(900_000))
FEW = 13
"""Steps of 65,536 elements that they take."""


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param(lambda: range_(900_000) == LONG, True, id="range"),
        pytest.param(lambda: are_all(LONG, frozenset({int})), True, id="kinds of elements"),
        pytest.param(lambda: are_all((*LONG, "x"), frozenset({int})), False, id="the last of another kind"),
        pytest.param(lambda: list_index_of(LONG, -1), -1, id="an element that is not there"),
        pytest.param(lambda: list_index_of(LONG, 899_999), 899_999, id="the last element"),
        pytest.param(lambda: len(format_text("%s", (LONG,))), 7_088_890, id="text of a list"),
        pytest.param(
            lambda: len(format_text("%s", (CelMap(dict.fromkeys(LONG[:100_000], 1)),))),
            888_890,
            id="text of a map",
        ),
    ],
)
def test_a_long_value_is_read_with_pauses(call: Callable[[], Any], expected: Any) -> None:
    pauses: list[int] = []
    with on_pause(pauses.append):
        assert call() == expected
    assert len(pauses) >= FEW


def test_the_text_of_a_list_ends_where_it_gets_too_long() -> None:
    """Not after all of its parts have been made: a list may be the same object many times."""
    inner = tuple(["x" * 1_000] * 1_000)
    pauses: list[int] = []
    with on_pause(pauses.append), pytest.raises(EvalAbortError, match="more than 10000000 characters"):
        format_text("%s", (tuple([inner] * 500),))
    assert sum(pauses) <= 12 * 10


@pytest.mark.parametrize("text", ["", "aZ09", "\u00c9\u00e9\u0130\u017f\u212a\u6f22Zz", "\udc80A\udcffb"])
def test_only_ascii_letters_change(text: str) -> None:
    ascii_alone = [letter.isascii() for letter in text]
    for change, named in ((lower_ascii, str.lower), (upper_ascii, str.upper)):
        expected = "".join(
            named(letter) if plain else letter for letter, plain in zip(text, ascii_alone, strict=True)
        )
        changed = change(text)
        assert changed == expected.replace("\udc80", "\ufffd").replace("\udcff", "\ufffd")
