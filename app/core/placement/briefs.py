"""The short answers of the webhooks: a verdict, a score and a text for each node.

Answers are kept in a memo from one Pod to the next; see there for what is not.
"""

from collections.abc import Generator, Iterable
from itertools import groupby

from app.core.explain import node_message
from app.core.placement.memo import Brief, Memo, Shelf
from app.core.placement.node_answer import NodeAnswer
from app.core.placement.question import Question


def briefs(
    question: Question, nodes: Iterable[str], memo: Memo
) -> Generator[tuple[str, Brief] | None, None, None]:
    """A short answer for each node, in order; None is a pause at which others may be served.

    Cost: a look-up for each node that the memo knows of, a search for each other one.
    """
    if question.varies:
        for asked, alike in groupby(nodes, question.on):
            yield from _briefs(asked, alike, memo)
    else:
        yield from _briefs(question, nodes, memo)


def _briefs(
    question: Question, nodes: Iterable[str], memo: Memo
) -> Generator[tuple[str, Brief] | None, None, None]:
    missing, asked = question.missing, question.unclaimed is None
    shelf = memo.shelf(missing, question.rules) if missing and asked else None
    kept = shelf.answers if isinstance(shelf, Shelf) else {}
    for name in nodes:
        found = kept.get(name)
        if found is not None and (question.uniform or question.early(name) is None):
            memo.reused += 1
            yield name, found
            continue
        answer = yield from question.answer(name)
        found = _brief(question.explained(answer))
        # An invalid answer names the Pod's own claim.
        if isinstance(shelf, Shelf) and answer.searched and answer.verdict != "invalid":
            memo.searches += 1
            # What changes during a pause is entered after the shelf's position, and so will be
            # thrown away when the shelf is asked for again.
            kept[name] = found
        yield name, found


def _brief(answer: NodeAnswer) -> Brief:
    message = "" if answer.verdict == "fits" else node_message(answer.reasons)
    return Brief(answer.verdict, answer.score or 0, message, answer.curable)
