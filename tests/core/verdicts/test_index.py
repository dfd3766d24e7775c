"""A roll says the same in both directions, whatever is put into it and dropped."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.core.verdicts.index import VerdictIndex
from app.core.verdicts.node_verdict import NodeVerdict

BRIEFS = (NodeVerdict("fits", 1), NodeVerdict("fits", 2), NodeVerdict("misfit", 0, "in use"))
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
def test_whatever_changes_nodes_and_answers_agree(
    happenings: list[tuple[str, str, NodeVerdict | None]],
) -> None:
    index, expected = VerdictIndex(), dict[str, NodeVerdict]()
    for what, name, verdict in happenings:
        if verdict is not None:
            index.put(name, verdict)
            expected[name] = verdict
        elif what == "drop":
            assert index.drop(name) == (expected.pop(name, None) is not None)
        elif what == "clear":
            index.clear()
            expected.clear()
        else:
            # Asking is what makes it count its nodes: the next changes are told from there.
            asked = frozenset(expected) ^ {name}
            assert not index.is_for(asked)
        assert len(index) == len(expected)
        assert {name: index.get(name) for name in NAMES if name in index} == expected
        assert index.counts() == Counter(expected.values())
        for each in BRIEFS:
            assert sorted(index.members(each)) == sorted(
                name for name, found in expected.items() if found is each
            )
        if what != "ask":
            assert index.is_for(frozenset(expected))


def test_as_many_other_nodes_are_not_its_own() -> None:
    index = VerdictIndex()
    for name in ("a", "b", "c"):
        index.put(name, BRIEFS[0])
    assert index.is_for(frozenset("abc"))
    assert not index.is_for(frozenset("abd"))
    index.drop("c")
    assert not index.is_for(frozenset("abc"))
    index.put("d", BRIEFS[0])
    assert index.is_for(frozenset("abd"))
    assert not index.is_for(frozenset("abc"))
