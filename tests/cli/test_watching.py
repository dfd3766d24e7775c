"""``-w``: all of it once, then what is new or has changed."""

from __future__ import annotations

from typing import Any

from app.cli import waiting
from app.cli.waiting import until, watched


def test_only_what_is_new_or_has_changed_is_shown_again() -> None:
    rounds: list[list[dict[str, Any]]] = [
        [{"id": 1, "state": "free"}, {"id": 2, "state": "free"}],
        [{"id": 1, "state": "free"}, {"id": 2, "state": "free"}],
        [{"id": 1, "state": "taken"}, {"id": 3, "state": "free"}],
        [{"id": 1, "state": "taken"}, {"id": 2, "state": "free"}, {"id": 3, "state": "free"}],
    ]
    asked = iter(rounds)
    seen = list(watched(lambda: next(asked), lambda item: item["id"], 0, len(rounds)))
    assert seen == [rounds[0], rounds[2], [{"id": 2, "state": "free"}]]


def test_nothing_at_all_is_shown_once() -> None:
    assert list(watched(list, lambda item: item, 0, 3)) == [[]]


def test_waiting_asks_until_the_answer_satisfies(capsys: Any) -> None:
    answers = iter([{"revision": number, "fits": number == 2} for number in range(5)])
    found = until(lambda: next(answers), lambda item: item["fits"], lambda _: "not yet", 60, 0)
    assert found["revision"] == 2
    assert capsys.readouterr().err == "not yet\n", "what is waited for is said once"


def test_a_duration_is_read_in_seconds_minutes_and_hours() -> None:
    read = waiting.Duration().convert
    assert [read(text, None, None) for text in ("90", "90s", "5m", "1h")] == [90, 90, 300, 3600]
