"""Columns of answers, and rolls, say the same as going through them one by one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.core.verdicts.filter_result import FilterResult, IndexedResult, ListedResult
from app.core.verdicts.index import VerdictIndex
from app.core.verdicts.node_verdict import NodeVerdict

BRIEFS = (
    NodeVerdict("fits", 0),
    NodeVerdict("fits", 7),
    NodeVerdict("fits", 7),  # equal, and not the same object
    NodeVerdict("misfit", 0, "in use"),
    NodeVerdict("misfit", 0, "in use"),
    NodeVerdict("misfit", 0, "no devices", curable=False),
    NodeVerdict("invalid", 0, "broken", curable=False),
)


@given(st.lists(st.sampled_from(range(len(BRIEFS))), max_size=30))
def test_columns_say_what_the_answers_say(choice: list[int]) -> None:
    names = [f"n{index}" for index in range(len(choice))]
    answers = [(name, BRIEFS[index]) for name, index in zip(names, choice, strict=True)]
    index = VerdictIndex()
    for name, verdict in reversed(answers):
        index.put(name, verdict)
    for result in (ListedResult(names, [verdict for _, verdict in answers]), IndexedResult(names, index)):
        check(result, answers)


def check(result: FilterResult, answers: list[tuple[str, NodeVerdict]]) -> None:
    fits = [(name, verdict) for name, verdict in answers if verdict.verdict == "fits"]
    assert result.fits() == [name for name, _ in fits]
    assert result.fitting == len(fits)
    assert sorted(result.having(7)) == sorted(name for name, verdict in fits if verdict.score == 7)
    assert list(result.having(3)) == []
    assert result.scores() == sorted({verdict.score for _, verdict in fits}, reverse=True)
    assert result.verdicts == Counter(verdict.verdict for _, verdict in answers)
    assert result.refusals() == Counter(
        verdict.message for _, verdict in answers if verdict.verdict != "fits"
    )
    for curable in (True, False):
        assert result.refused(curable=curable) == {
            name: verdict.message
            for name, verdict in answers
            if verdict.verdict != "fits" and verdict.curable == curable
        }
    assert list(result.points()) == [
        verdict.score if verdict.verdict == "fits" else 0 for _, verdict in answers
    ]
