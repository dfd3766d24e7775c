"""Placements and reasons as the JSON of /api/v1."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from itertools import takewhile
from typing import Any

from pydantic.alias_generators import to_camel

from app.api.responses import encoded
from app.core.advice.near_misses import NearMiss
from app.core.advice.redaction import Redaction, redacted
from app.core.allocator import Reason
from app.core.allocator.evidence import Evidence
from app.core.diagnosis import distance, node_message
from app.core.dry_run.place import PodPlacement
from app.core.pauses import paced, paced_if_many
from app.core.placement.node_result import NodeResult

MAX_NODE_VERDICTS = 50_000
"""Maximum number of verdicts in one response, and of their reasons, about 25 MB.

Beyond it, a Pod shows only its selected node and the number of others.
"""


class VerdictBudget:
    """The number of node verdicts that a response may still contain, and of their reasons.

    A Pod with many claims has up to 100 reasons for each node.
    """

    def __init__(self, left: int = MAX_NODE_VERDICTS) -> None:
        self._left = left
        self._reasons = MAX_NODE_VERDICTS

    def spend(self, answers: Sequence[NodeResult]) -> bool:
        """Whether there is room for these; if not, spends nothing. Cost: O(answers)."""
        reasons = sum(len(answer.reasons) for answer in paced(answers))
        if len(answers) > self._left or reasons > self._reasons:
            return False
        self._left -= len(answers)
        self._reasons -= reasons
        return True

    def first(self, answers: Sequence[NodeResult]) -> list[NodeResult]:
        """The first of these that there is room for. Cost: O(answers)."""
        return list(takewhile(lambda answer: self.spend((answer,)), answers))


def shown_nodes(item: PodPlacement, budget: VerdictBudget) -> Sequence[NodeResult]:
    """The nodes of a Pod in a response: all of them or, beyond the budget, the selected one."""
    if item.answers and budget.spend(item.answers):
        return item.answers
    return [item.chosen] if item.chosen is not None else []


def encoded_nodes(
    answers: Iterable[NodeResult], *, full: bool, redaction: Redaction | None = None
) -> list[bytes]:
    """The verdicts of nodes, encoded one by one: 5,000 at once would block the event loop for 30 ms."""
    if redaction is not None:
        answers = map(redaction.result, answers)
    return encoded(node_verdict(answer, full=full) for answer in answers)


def pod_answer(
    item: PodPlacement, nodes: Mapping[str, Any], redaction: Redaction | None = None
) -> dict[str, Any]:
    """One Pod of a dry run. ``nodes``: the fields about its nodes."""
    chosen = item.chosen
    claims = chosen.allocations if chosen is not None else tuple(None for _ in item.claims)
    return {
        "namespace": item.pod.meta.namespace,
        "name": item.pod.meta.name or item.pod.meta.generate_name,
        "node": chosen.node if chosen is not None else None,
        "score": chosen.score if chosen is not None else None,
        "claims": [
            {
                "podClaim": held.pod_claim,
                "claim": held.claim.meta.name,
                "shared": held.by_name,
                "allocation": allocation.to_json() if allocation is not None else None,
            }
            for held, allocation in zip(paced_if_many(item.claims), claims, strict=True)
        ],
        "summary": redacted(item.summary, redaction),
        **nodes,
        "nearMisses": near_misses_json(item.near_misses, redaction),
    }


def near_misses_json(items: Iterable[NearMiss], redaction: Redaction | None = None) -> list[dict[str, Any]]:
    """A change, and the node that the Pod would fit on then."""
    shown = ((item, item.text) for item in items) if redaction is None else redaction.near_misses(items)
    return [
        {
            "text": text,
            "node": item.node,
            "changes": [{"code": change.code, "text": change.text, **change.data} for change in item.changes],
        }
        for item, text in shown
    ]


def node_verdict(answer: NodeResult, *, full: bool) -> dict[str, Any]:
    """The verdict of one node. ``full`` adds the counts of each reason."""
    return {
        "name": answer.node,
        "verdict": answer.verdict,
        "score": answer.score,
        "headline": "" if answer.verdict == "fits" else node_message(answer.reasons),
        "distance": 0 if answer.verdict == "fits" else distance(answer.reasons),
        "scoreParts": [asdict(item) for item in answer.score_parts] if full else [],
        "reasons": [reason_json(item, full=full) for item in paced_if_many(answer.reasons)],
        "allocations": [allocation.to_json() for allocation in paced_if_many(answer.allocations)],
    }


def reason_json(reason: Reason, *, full: bool) -> dict[str, Any]:
    """A reason. ``full`` adds the counts by holder and selector."""
    return {
        "code": reason.code,
        "message": reason.message,
        "claim": reason.claim,
        "request": reason.request,
        "counts": dict(reason.counts)
        if full
        else {name: number for name, number in reason.counts.items() if " " not in name},
        "evidence": evidence_json(reason.evidence),
    }


def evidence_json(evidence: Evidence) -> dict[str, Any]:
    """The fields that are not empty, under camelCase names."""
    return {name: found for name, found in _plain(evidence).items() if found}


def _plain(value: Any) -> Any:
    # Not dataclasses.asdict, which copies every text deeply: half the time of an answer with 50,000 verdicts.
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {camel: _plain(getattr(value, name)) for name, camel in _camel_names(type(value))}
    return value


@cache
def _camel_names(kind: type) -> tuple[tuple[str, str], ...]:
    """Each field's name, and its camelCase form. Cached: there are few types."""
    return tuple((field.name, to_camel(field.name)) for field in fields(kind))
