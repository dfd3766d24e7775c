"""The ring of decisions."""

from hypothesis import given
from hypothesis import strategies as st

from app.api.history import Decision, History


def decision(name: str, summary: str = "", at: str = "") -> Decision:
    return Decision(
        at=at,
        verb="filter",
        namespace="ns",
        name=name,
        outcome="refused" if summary else "passed",
        summary=summary,
    )


def test_the_same_said_again_is_one_entry_that_counts_and_moves_up() -> None:
    history = History()
    history.add(decision("a", "no", at="1"))
    history.add(decision("b", at="2"))
    history.add(decision("a", "no", at="3"))
    newest, older = history.before()
    assert (newest.name, newest.first, newest.at, newest.times) == ("a", "1", "3", 2)
    assert older.name == "b"
    assert [entry.name for entry in history.before(newest.number)] == ["b"]


def test_another_answer_to_the_same_pod_is_another_entry() -> None:
    history = History()
    history.add(decision("a", "no"))
    history.add(decision("a"))
    assert [entry.outcome for entry in history.before()] == ["passed", "refused"]
    latest = history.latest("ns", "a")
    assert latest is not None
    assert latest.outcome == "passed"


def test_preemptions_stand_beside_the_refusals_that_they_follow() -> None:
    history = History()
    useless = Decision(at="", verb="preempt", namespace="ns", name="a", outcome="useless")
    for _ in range(3):
        history.add(decision("a", "no"))
        history.add(useless)
    assert [(entry.verb, entry.times) for entry in history.before()] == [("preempt", 3), ("filter", 3)]
    latest = history.latest("ns", "a")
    assert latest is not None
    assert latest.outcome == "refused"


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["", "x", "y"]))), st.integers(1, 5))
def test_it_never_holds_more_than_its_size_and_numbers_fall(said: list[tuple[str, str]], size: int) -> None:
    history = History(size)
    for name, summary in said:
        history.add(decision(name, summary))
    entries = list(history.before())
    assert len(entries) <= size
    assert len(history._latest) <= size
    numbers = [entry.number for entry in entries]
    assert numbers == sorted(numbers, reverse=True)
    if said:
        assert entries[0].number == history.last == len(said)
        assert (entries[0].name, entries[0].summary) == said[-1]
