"""Dry run: Pods placed one after another, each seeing what the earlier ones took."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace

from app.core.model.pod import Pod
from app.core.model.resource_claim import Consumer
from app.core.placement.pod_claims import HeldClaim
from app.core.placement.question import NodeAnswer, Question
from app.core.placement.rules import Rules
from app.core.state.state import State


@dataclass(frozen=True, slots=True)
class PodPlacement:
    """Where one Pod would go. ``chosen`` is among ``answers``, None if the Pod fits nowhere."""

    pod: Pod
    claims: tuple[HeldClaim, ...]
    answers: tuple[NodeAnswer, ...]
    chosen: NodeAnswer | None


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
                answers.append(answer)
        chosen = best(answers)
        if chosen is not None:
            settle(state, question, chosen)
        yield PodPlacement(pod, question.claims, tuple(answers), chosen)


def best(answers: Sequence[NodeAnswer]) -> NodeAnswer | None:
    """The answer with the highest score; the first of equals."""
    fitting = [answer for answer in answers if answer.verdict == "fits"]
    return max(fitting, key=lambda answer: answer.score or 0, default=None)


def settle(state: State, question: Question, chosen: NodeAnswer) -> None:
    """Makes the state as if the Pod ran on the node."""
    pod = question.pod
    consumer = Consumer("", "pods", pod.meta.name, pod.meta.uid or f"{pod.meta.namespace}/{pod.meta.name}")
    for held, allocation in zip(question.claims, chosen.allocations, strict=True):
        state.upsert(
            replace(held.claim, allocation=allocation, reserved_for=(*held.claim.reserved_for, consumer))
        )
    state.upsert(replace(pod, node_name=chosen.node))
