"""The answers kept for the nodes, and the nodes by answer."""

from collections.abc import Mapping, Sequence

from app.core.verdicts.node_verdict import NodeVerdict


class VerdictIndex:
    """An answer for each node, kept in both directions: every change costs O(1).

    ``get`` is the answer for a node, or None.
    """

    def __init__(self) -> None:
        self._answers: dict[str, NodeVerdict] = {}
        self._members: dict[NodeVerdict, list[str]] = {}
        self._places: dict[str, int] = {}
        # The nodes when they were last counted; ``_left`` are those of them that have no answer now.
        self._whole: frozenset[str] = frozenset()
        self._left: set[str] = set()
        self._joined = False
        self.get = self._answers.get

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, name: str) -> bool:
        return name in self._answers

    def put(self, name: str, verdict: NodeVerdict) -> None:
        """Keeps the answer for a node, in place of another one."""
        old = self._answers.get(name)
        if old is not None:
            self._leave(name, old)
        elif name in self._left:
            self._left.remove(name)
        else:
            self._joined = True
        self._answers[name] = verdict
        members = self._members.setdefault(verdict, [])
        self._places[name] = len(members)
        members.append(name)

    def drop(self, name: str) -> bool:
        """Forgets the answer for a node. Whether there was one."""
        old = self._answers.pop(name, None)
        if old is None:
            return False
        self._leave(name, old)
        del self._places[name]
        if name in self._whole:
            self._left.add(name)
        return True

    def clear(self) -> None:
        """Forgets all of them."""
        for kept in (self._answers, self._members, self._places, self._left):
            kept.clear()
        self._whole, self._joined = frozenset(), False

    def counts(self) -> Mapping[NodeVerdict, int]:
        """How many nodes each answer is for. O(answers)."""
        return {verdict: len(members) for verdict, members in self._members.items()}

    def members(self, verdict: NodeVerdict) -> Sequence[str]:
        """The nodes with an answer, in no order, until the next change."""
        return self._members.get(verdict, ())

    def is_for(self, names: frozenset[str]) -> bool:
        """Whether these are all nodes that there is an answer for, and each has one.

        Sets are distinguished by their size and their hash: 64 bits, made of those of the names, with
        a new key in each process. To compare name by name takes as long as looking each of them up.
        Cost: O(1); O(nodes) after nodes have come or gone.
        """
        if len(names) != len(self._answers):
            return False
        if self._left or self._joined:
            self._whole, self._joined = frozenset(self._answers), False
            self._left.clear()
        return hash(self._whole) == hash(names)

    def _leave(self, name: str, verdict: NodeVerdict) -> None:
        members = self._members[verdict]
        place, last = self._places[name], members.pop()
        if last != name:
            members[place] = last
            self._places[last] = place
        elif not members:
            del self._members[verdict]
