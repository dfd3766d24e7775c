"""What is left of reasons and near misses for a reader who may not see all namespaces, or no nodes.

Reasons name the claims that hold devices as ``namespace/name``, in texts as well as in data.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

from app.core.advice.change import Change
from app.core.advice.near_misses import NearMiss
from app.core.allocator import Reason
from app.core.allocator.evidence import HoldingClaim
from app.core.placement.node_result import NodeResult
from app.core.state.taken import ClaimKey

OTHERS = "another namespace"
"""Stands for the name of a claim or Pod."""

_NAMED = re.compile(r"(?<![\w./-])[a-z0-9](?:[-a-z0-9]*[a-z0-9])?/[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")
_ELSEWHERE = re.compile(r"; namespace ([a-z0-9-]+) has one of this name")
"""The hint at a claim or template where one is missing: see ``pod_claims``."""
_WORD = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")


class Redaction:
    """Removes the names of claims and Pods of hidden namespaces, and advice that names nodes.

    Args:
        hides: whether a namespace is hidden.
        nodes: names of nodes, if those are hidden.
        own: names of claims that the reader has given, which stay.
    """

    def __init__(
        self,
        hides: Callable[[str], bool],
        nodes: Collection[str] = (),
        own: frozenset[str] = frozenset(),
    ) -> None:
        self._hides = hides
        self._nodes = nodes
        self._own = own

    def about(self, claims: Iterable[ClaimKey]) -> "Redaction":
        """The same for a Pod with these claims."""
        return Redaction(self._hides, self._nodes, frozenset("/".join(key) for key in claims))

    def text(self, text: str) -> str:
        """The text without names of hidden namespaces."""
        text = _ELSEWHERE.sub(lambda found: "" if self._hides(found[1]) else found[0], text)
        return _NAMED.sub(lambda found: OTHERS if self.hides(found[0]) else found[0], text)

    def hides(self, name: str) -> bool:
        """Whether ``namespace/name`` is in a hidden namespace."""
        return name not in self._own and self._hides(name.partition("/")[0])

    def result(self, result: NodeResult) -> NodeResult:
        """A node's result with its reasons redacted."""
        return replace(result, reasons=tuple([self.reason(reason) for reason in result.reasons]))

    def reason(self, reason: Reason) -> Reason:
        """A reason; the numbers stay."""
        message, hidden = reason.message, 0
        shown: list[HoldingClaim] = []
        for holder in reason.evidence.holders:
            if not self.hides(holder.claim):
                shown.append(holder)
                continue
            hidden += holder.devices
            if holder.state:  # it names the Pods
                message = message.replace(f"; claim {holder.claim} is {holder.state}", "")
        if hidden:
            shown.append(HoldingClaim(OTHERS, hidden))
        evidence = replace(reason.evidence, holders=tuple(shown)) if hidden else reason.evidence
        return replace(reason, message=_once(self.text(message)), evidence=evidence)

    def near_misses(self, items: Iterable[NearMiss]) -> Iterator[tuple[NearMiss, str]]:
        """Those that remain, with their texts."""
        for item in items:
            changes = tuple([self._change(change) for change in item.changes])
            if not self._nodes:
                found = replace(item, changes=changes)
                yield found, found.text
            elif not any(self._names_node(change) for change in changes):
                yield (
                    replace(item, changes=changes, node=""),
                    " and ".join(change.text for change in changes),
                )

    def _change(self, change: Change) -> Change:
        data = {name: self._data(value) for name, value in change.data.items()}
        return replace(change, text=_once(self.text(change.text)), data=data)

    def _data(self, value: object) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return list(dict.fromkeys(self._data(item) for item in value)) if _texts(value) else value
        return value

    def _names_node(self, change: Change) -> bool:
        return any(word in self._nodes for word in _WORD.findall(change.text))


def without_other_namespaces(text: str) -> str:
    """The text without the hint at a claim or template of another namespace."""
    return _ELSEWHERE.sub("", text)


def redacted(text: str, redaction: Redaction | None) -> str:
    """The text for a reader. None: one who may see everything."""
    return text if redaction is None else redaction.text(text)


def _texts(value: list[Any] | tuple[Any, ...]) -> bool:
    return all(isinstance(item, str) for item in value)


def _once(text: str) -> str:
    """``a, another namespace, another namespace and ...`` with the words once."""
    text = re.sub(rf"{OTHERS}((?:, | and ){OTHERS})+", OTHERS, text)
    return re.sub(rf"(?:the )?\bclaims? {OTHERS}\b", f"a claim of {OTHERS}", text)
