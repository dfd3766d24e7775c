"""``-w``: all of it once, then what is new or has changed."""

from collections.abc import Callable
from typing import Any

from app.cli.durations import DurationParam
from app.cli.waiting import until, watched


def everything(_: dict[str, Any]) -> bool:
    return True


def free(item: dict[str, Any]) -> bool:
    return item["state"] == "free"


def device(number: int, state: str) -> dict[str, Any]:
    return {"id": number, "state": state}


def seen(
    rounds: list[list[dict[str, Any]]], wanted: Callable[[dict[str, Any]], bool] = everything
) -> list[list[dict[str, Any]]]:
    asked = iter(rounds)
    return list(watched(lambda: next(asked), lambda item: item["id"], wanted, 0, len(rounds)))


def test_only_what_is_new_or_has_changed_or_is_gone_is_shown_again() -> None:
    rounds = [
        [device(1, "free"), device(2, "free")],
        [device(1, "free"), device(2, "free")],
        [device(1, "taken"), device(3, "free")],
        [device(1, "taken"), device(2, "free"), device(3, "free")],
    ]
    assert seen(rounds) == [
        rounds[0],
        [device(1, "taken"), device(3, "free"), device(2, "free") | {"gone": True}],
        [device(2, "free")],
    ]


def test_what_is_wanted_no_more_is_shown_once_as_it_is_now() -> None:
    rounds = [
        [device(1, "free"), device(2, "taken")],
        [device(1, "taken"), device(2, "taken")],
        [device(1, "shared")],
        [device(1, "free")],
    ]
    assert seen(rounds, free) == [[device(1, "free")], [device(1, "taken")], [device(1, "free")]]


def test_nothing_at_all_is_shown_once() -> None:
    assert seen([[], [], []]) == [[]]


def test_waiting_asks_until_the_answer_satisfies(capsys: Any) -> None:
    answers = iter([{"revision": number, "fits": number == 2} for number in range(5)])
    found = until(lambda: next(answers), lambda item: item["fits"], lambda _: "not yet", 60, 0)
    assert found["revision"] == 2
    assert capsys.readouterr().err == "not yet\n", "what is waited for is said once"


def test_a_duration_is_read_in_seconds_minutes_and_hours() -> None:
    read = DurationParam().convert
    assert [read(text, None, None) for text in ("90", "90s", "5m", "1h")] == [90, 90, 300, 3600]
