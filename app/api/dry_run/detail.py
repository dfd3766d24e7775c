"""How much of the nodes an answer contains: ``explain: none``, ``summary`` or ``full``.

A verdict of one node is about 900 bytes: 100 Pods on 5,000 nodes would be hundreds of megabytes. So a summary
has the nodes in groups by reason, and evidence once for each group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from app.api.dry_run.json_answers import (
    MAX_NODE_VERDICTS,
    VerdictBudget,
    encoded_nodes,
    reason_json,
    shown_nodes,
)
from app.core.advice.redaction import Redaction, redacted
from app.core.dry_run.node_groups import NO_GROUPS, NodeGroup, NodeGroups, groups_of
from app.core.dry_run.place import PodPlacement
from app.core.pauses import paced_if_many

Explain = Literal["none", "summary", "full"]
MAX_SUMMARY_VERDICTS = 2000
"""A summary also has each node with its verdict, while Pods times nodes are no more than these."""
_NAMES_BYTES, _NAMES_BYTES_OF_ONE = 40_000, 200_000
"""Names of nodes that fit, for all Pods of an answer together, and for a single Pod."""
_MIN_NAMES = 3


@dataclass(frozen=True, slots=True)
class Detail:
    """What a dry run has to keep of its nodes. ``verdicts``: node results in all, ``names`` for each Pod."""

    explain: Explain
    verdicts: int
    names: int | None

    @classmethod
    def of(cls, explain: Explain, pods: int, nodes: Sequence[str]) -> "Detail":
        """For this many Pods, each evaluated on these nodes."""
        if explain == "none":
            return cls(explain, 0, None)
        length = sum(map(len, nodes)) // max(1, len(nodes)) + 3
        pods = max(1, pods)
        names = max(_MIN_NAMES, max(_NAMES_BYTES, _NAMES_BYTES_OF_ONE // pods) // (pods * length))
        if explain == "full":
            return cls(explain, MAX_NODE_VERDICTS, names)
        return cls(explain, MAX_SUMMARY_VERDICTS if pods * len(nodes) <= MAX_SUMMARY_VERDICTS else 0, names)


class Explainer:
    """Encodes the nodes of each Pod of one answer."""

    def __init__(self, detail: Detail) -> None:
        self._detail = detail
        self._budget = VerdictBudget(detail.verdicts)
        self._explained: dict[tuple[str, str], str] = {}

    def nodes(self, item: PodPlacement, redaction: Redaction | None) -> dict[str, Any]:
        """``nodes``, ``nodesOmitted``, ``fitting``, ``fittingNodes`` and ``groups`` of a Pod."""
        detail = self._detail
        verdicts = [] if detail.explain == "none" else shown_nodes(item, self._budget)
        groups = item.groups
        if groups is NO_GROUPS and detail.names is not None:
            groups = groups_of(item.answers, detail.names)
        pod = "/".join(item.pod.meta.key)
        encoded = encoded_nodes(verdicts, full=detail.explain == "full", redaction=redaction)
        return {
            "nodes": [orjson.Fragment(text) for text in encoded],
            "nodesOmitted": item.nodes - len(verdicts),
            **self.grouped(groups, pod, redaction),
        }

    def grouped(self, groups: NodeGroups, pod: str, redaction: Redaction | None) -> dict[str, Any]:
        """The groups of one Pod's nodes. A group that an earlier Pod has explained only refers to it."""
        return {
            "fitting": groups.fitting,
            "fittingNodes": groups.best,
            "groups": [self._group(group, pod, redaction) for group in groups.refused],
        }

    def _group(self, group: NodeGroup, pod: str, redaction: Redaction | None) -> dict[str, Any]:
        first = self._explained.setdefault((group.verdict, group.headline), pod)
        shown = {
            "verdict": group.verdict,
            "headline": redacted(group.headline, redaction),
            "distance": group.distance,
            "count": group.count,
        }
        if first != pod:
            return {**shown, "nodes": [], "reasons": [], "explainedBy": first}
        example = group.example if redaction is None else redaction.result(group.example)
        reasons = [reason_json(reason, full=True) for reason in paced_if_many(example.reasons)]
        return {**shown, "nodes": group.names, "reasons": reasons, "explainedBy": None}
