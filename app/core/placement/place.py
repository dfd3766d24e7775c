"""Dry run: Pods placed one after another, each seeing what the earlier ones took."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace

from app.core.explain import summary
from app.core.model.pod import Pod
from app.core.placement.near_misses import NearMiss, near_misses
from app.core.placement.node_answer import NodeAnswer
from app.core.placement.pod_claims import HeldClaim
from app.core.placement.question import Question
from app.core.placement.rules import Rules
from app.core.placement.scene import Scene
from app.core.state.state import State

MOST_EXPLAINED = 5
"""Pods of one dry run whose near misses are looked for: each costs up to 200 searches."""


@dataclass(frozen=True, slots=True)
class PodPlacement:
    """Where one Pod would go. ``chosen`` is among ``answers``, None if the Pod fits nowhere."""

    pod: Pod
    claims: tuple[HeldClaim, ...]
    answers: tuple[NodeAnswer, ...]
    chosen: NodeAnswer | None
    near_misses: tuple[NearMiss, ...] = ()


def place(
    state: State, pods: Iterable[Pod], nodes: Sequence[str], rules: Rules
) -> Generator[PodPlacement | None, None, None]:
    """Places Pods on the best of ``nodes``; ties go to the node named first.

    ``state`` is changed: pass a fork. Yields one placement a Pod, and None at every pause.
    Cost: O(Pods x nodes) searches.
    """
    for pod in pods:
        question = Question(state, pod, rules)
        answers: list[NodeAnswer] = []
        for answer in question.answers(nodes):
            if answer is None:
                yield None
            else:
                answers.append(question.explained(answer))
        chosen = best(answers)
        if chosen is not None:
            claims = (held.claim for held in chosen.claims)
            state.settle(pod, chosen.node, zip(claims, chosen.allocations, strict=True))
        held = question.claims if chosen is None else chosen.claims
        yield PodPlacement(pod, held, tuple(answers), chosen)


def with_near_misses(
    state: State, rules: Rules, placements: Iterable[PodPlacement | None]
) -> Generator[PodPlacement | None, None, None]:
    """Adds near misses to Pods that fit nowhere: to one of those that hear the same, and to a few in all.

    Args:
        state: the one that ``placements`` are made on, as they are gone through.
    """
    told: set[str] = set()
    made: set[str] = set()
    for item in placements:
        if item is not None and item.chosen is not None:
            made |= {"/".join(held.key) for held in item.chosen.claims if held.claim.allocation is None}
        if item is None or item.chosen is not None or not item.answers or len(told) >= MOST_EXPLAINED:
            yield item
            continue
        text = summary(0, [answer.reasons for answer in item.answers])
        if text in told:
            yield item
            continue
        told.add(text)
        near = yield from near_misses(Scene(state, item.pod, rules, frozenset(made)), item.answers)
        yield replace(item, near_misses=near)


def best(answers: Sequence[NodeAnswer]) -> NodeAnswer | None:
    """The answer with the highest score; the first of equals."""
    fitting = [answer for answer in answers if answer.verdict == "fits"]
    return max(fitting, key=lambda answer: answer.score or 0, default=None)
