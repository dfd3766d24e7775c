"""Columns of answers, and rolls, say the same as going through them one by one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.core.verdicts.filter_result import Columns, Enrolled, Judged
from app.core.verdicts.index import Roll
from app.core.verdicts.node_verdict import Brief

BRIEFS = (
    Brief("fits", 0),
    Brief("fits", 7),
    Brief("fits", 7),  # equal, and not the same object
    Brief("misfit", 0, "in use"),
    Brief("misfit", 0, "in use"),
    Brief("misfit", 0, "no devices", curable=False),
    Brief("invalid", 0, "broken", curable=False),
)


@given(st.lists(st.sampled_from(range(len(BRIEFS))), max_size=30))
def test_columns_say_what_the_answers_say(choice: list[int]) -> None:
    names = [f"n{index}" for index in range(len(choice))]
    answers = [(name, BRIEFS[index]) for name, index in zip(names, choice, strict=True)]
    roll = Roll()
    for name, brief in reversed(answers):
        roll.put(name, brief)
    for judged in (Columns(names, [brief for _, brief in answers]), Enrolled(names, roll)):
        check(judged, answers)


def check(judged: Judged, answers: list[tuple[str, Brief]]) -> None:
    fits = [(name, brief) for name, brief in answers if brief.verdict == "fits"]
    assert judged.fits() == [name for name, _ in fits]
    assert judged.fitting == len(fits)
    assert sorted(judged.having(7)) == sorted(name for name, brief in fits if brief.score == 7)
    assert list(judged.having(3)) == []
    assert judged.scores() == sorted({brief.score for _, brief in fits}, reverse=True)
    assert judged.verdicts == Counter(brief.verdict for _, brief in answers)
    assert judged.refusals() == Counter(brief.message for _, brief in answers if brief.verdict != "fits")
    for curable in (True, False):
        assert judged.refused(curable=curable) == {
            name: brief.message
            for name, brief in answers
            if brief.verdict != "fits" and brief.curable == curable
        }
    assert list(judged.points()) == [brief.score if brief.verdict == "fits" else 0 for _, brief in answers]
