"""The short answers of the webhooks: a verdict, a score and a text for each node.

Answers are kept in a memo from one Pod to the next; see there for what is not.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from app.core.diagnosis import node_message
from app.core.placement.node_answer import NodeAnswer
from app.core.placement.question import Question
from app.core.verdicts.cache import Memo, Shelf
from app.core.verdicts.index import Roll
from app.core.verdicts.node_verdict import Brief

_FEW = 64
"""Keys that are made in one go: a millisecond."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of each node, in order; ``counts`` are how many nodes each answer is for, ``unseen`` the
    places of those that have to be looked at, None among the answers."""

    found: list[Brief | None]
    counts: Counter[Brief | None]
    unseen: Sequence[int]


def enrolled(question: Question, distinct: frozenset[str], memo: Memo) -> Roll | None:
    """The answers for these nodes if they are kept for all of them, and for no others.

    Cost: a key for each node that has changed, if they are few.
    """
    shelf = _shelf(question, memo)
    if shelf is None or not shelf.answers.is_for(distinct):
        return None
    memo.reused += len(distinct)
    return shelf.answers


def known(question: Question, nodes: Sequence[str], memo: Memo) -> Known:
    """What is kept of the nodes.

    Cost: O(nodes), in one go: some 30 ns for each; a key for each node that has changed, if they are few.
    """
    shelf = _shelf(question, memo)
    if shelf is None:
        counts: Counter[Brief | None] = Counter({None: len(nodes)}) if nodes else Counter()
        return Known([None] * len(nodes), counts, range(len(nodes)))
    found = list(map(shelf.answers.get, nodes))
    # Counting looks for None as well, at half of what looking for it alone would take.
    counts = Counter(found)
    unseen = [place for place, brief in enumerate(found) if brief is None] if None in counts else []
    memo.reused += len(found) - len(unseen)
    return Known(found, counts, unseen)


def _shelf(question: Question, memo: Memo) -> Shelf | None:
    """The shelf, if all that it takes to answer the question is on it; with what has changed caught up."""
    if not question.uniform or question.varies or not question.missing or question.unclaimed is not None:
        return None
    shelf = memo.shelf(question.missing, question.rules)
    if not isinstance(shelf, Shelf):
        return None
    _catch_up(question, shelf, memo)
    return shelf


def _catch_up(question: Question, shelf: Shelf, memo: Memo) -> None:
    """Gives nodes that have changed the answer of the class that they are in now, if it is kept.

    Most filters come after a bind, which changes one node: without this each of them would have to look
    through all nodes for that one.
    """
    if len(shelf.stale) <= _FEW:
        for name in shelf.stale:
            key = shelf.classes.key(name) if name in question.state.nodes else None
            found = None if key is None else shelf.by_class.get(key)
            if found is not None:
                memo.shared += 1
                shelf.answers.put(name, found)
    shelf.stale.clear()


def briefs(question: Question, nodes: Iterable[str], memo: Memo) -> Iterator[tuple[str, Brief]]:
    """A short answer for each node, in order.

    Cost: a look-up for each node that the memo knows of, a key for each other one, and a search for
    each class that it does not know.
    """
    if question.varies:
        for asked, alike in groupby(nodes, question.on):
            yield from _briefs(asked, alike, memo)
    else:
        yield from _briefs(question, nodes, memo)


def _briefs(question: Question, nodes: Iterable[str], memo: Memo) -> Iterator[tuple[str, Brief]]:
    missing, asked = question.missing, question.unclaimed is None
    shelf = memo.shelf(missing, question.rules) if missing and asked else None
    if not isinstance(shelf, Shelf):
        for name in nodes:
            answer = question.answer(name)
            yield name, _brief(question.explained(answer))
        return
    kept = shelf.answers
    for name in nodes:
        early = None if question.uniform and name in kept else question.early(name)
        if early is not None:
            yield name, _brief(early)
            continue
        found = kept.get(name)
        if found is None:
            found = _looked_up(question, name, shelf, memo)
        else:
            memo.reused += 1
        yield name, found


def _looked_up(question: Question, name: str, shelf: Shelf, memo: Memo) -> Brief:
    """The answer of the node's class, searched for if need be."""
    key = shelf.classes.key(name)
    found = None if key is None else shelf.by_class.get(key)
    if found is not None:
        memo.shared += 1
        shelf.answers.put(name, found)
        return found
    position = shelf.position
    answer = question.answer(name)
    found = memo.the_same(_brief(question.explained(answer)))
    # An invalid answer names the Pod's own claim.
    if answer.searched and answer.verdict != "invalid":
        memo.searches += 1
        # What changes during a pause is entered after the shelf's position, and so will be thrown away when
        # the shelf is asked for again, unless another filter has done so meanwhile. A class has no such log.
        if shelf.position == position:
            shelf.answers.put(name, found)
        if key is not None and shelf.classes.key(name) == key:
            shelf.keep(key, found)
    return found


def _brief(answer: NodeAnswer) -> Brief:
    if answer.verdict == "fits":
        return Brief(answer.verdict, answer.score or 0, curable=answer.curable)
    reason = answer.reasons[0].code if answer.reasons else ""
    return Brief(answer.verdict, answer.score or 0, node_message(answer.reasons), answer.curable, reason)
