"""A roll says the same in both directions, whatever is put into it and dropped."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.core.verdicts.index import Roll
from app.core.verdicts.node_verdict import Brief

BRIEFS = (Brief("fits", 1), Brief("fits", 2), Brief("misfit", 0, "in use"))
NAMES = [f"n{number}" for number in range(6)]

names = st.sampled_from(NAMES)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("put"), names, st.sampled_from(BRIEFS)),
        st.tuples(st.just("drop"), names, st.none()),
        st.tuples(st.just("ask"), names, st.none()),
        st.tuples(st.just("clear"), st.just(""), st.none()),
    ),
    max_size=30,
)


@given(changes)
def test_whatever_changes_nodes_and_answers_agree(happenings: list[tuple[str, str, Brief | None]]) -> None:
    roll, expected = Roll(), dict[str, Brief]()
    for what, name, brief in happenings:
        if brief is not None:
            roll.put(name, brief)
            expected[name] = brief
        elif what == "drop":
            assert roll.drop(name) == (expected.pop(name, None) is not None)
        elif what == "clear":
            roll.clear()
            expected.clear()
        else:
            # Asking is what makes it count its nodes: the next changes are told from there.
            asked = frozenset(expected) ^ {name}
            assert not roll.is_for(asked)
        assert len(roll) == len(expected)
        assert {name: roll.get(name) for name in NAMES if name in roll} == expected
        assert roll.counts() == Counter(expected.values())
        for each in BRIEFS:
            assert sorted(roll.members(each)) == sorted(
                name for name, found in expected.items() if found is each
            )
        if what != "ask":
            assert roll.is_for(frozenset(expected))


def test_as_many_other_nodes_are_not_its_own() -> None:
    roll = Roll()
    for name in ("a", "b", "c"):
        roll.put(name, BRIEFS[0])
    assert roll.is_for(frozenset("abc"))
    assert not roll.is_for(frozenset("abd"))
    roll.drop("c")
    assert not roll.is_for(frozenset("abc"))
    roll.put("d", BRIEFS[0])
    assert roll.is_for(frozenset("abd"))
    assert not roll.is_for(frozenset("abc"))
