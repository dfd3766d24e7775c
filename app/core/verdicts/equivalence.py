"""Nodes in classes: those of one class get one answer, so that it is searched for once.

Kept across Pods and for all plans that see the same, and updated by events: a changed slice, node or
claim costs the keys of the nodes that it concerns.
"""

from collections.abc import Hashable

from app.core.model.features import Features
from app.core.selectors.accepted_drivers import AcceptedDrivers
from app.core.selectors.attributes_read import AttributesRead
from app.core.state.pools import PoolError
from app.core.state.state import State
from app.core.verdicts.node_signature import NodeSignature, OfCommon
from app.core.verdicts.slice_looks import SliceLooks

_TRIES = 3
"""Times that a key is made, if something changes in each pause."""


class EquivalenceClasses:
    """The key of each node, as of now. ``computed`` counts the keys that had to be made."""

    def __init__(
        self,
        state: State,
        features: Features,
        attributes_read: AttributesRead,
        drivers: AcceptedDrivers,
        looks: SliceLooks,
    ) -> None:
        self._state = state
        self._features = features
        self._signature = NodeSignature(features, attributes_read, drivers, looks)
        self._keys: dict[str, Hashable | None] = {}
        self._of_common = OfCommon()
        self._position = state.inventory.changes.position
        self.computed = 0

    def key(self, name: str) -> Hashable | None:
        """Equal for nodes of one class; None: the node is known to be like no other, or not known.

        The key is that of the node at the end, whatever has changed in pauses. Cost: a look-up, or O(slices +
        devices taken there) if the node has changed; nothing is kept that changes in each of several tries.
        """
        changes = self._state.inventory.changes
        for _ in range(_TRIES):
            if self._position != changes.position:
                self._catch_up()
            try:
                return self._keys[name]
            except KeyError:
                position, found = changes.position, self._made(name)
            if position == changes.position:
                self._keys[name] = found
                return found
        return None

    def _made(self, name: str) -> Hashable | None:
        self.computed += 1
        inventory = self._state.inventory
        node = inventory.nodes.get(name)
        if node is None:
            return None
        try:
            pools = inventory.pools(name, self._features)
        except PoolError:
            return None
        return self._signature.key(node, pools, self._state.taken, self._of_common)

    def _catch_up(self) -> None:
        changes = self._state.inventory.changes
        changed = changes.since(self._position)
        self._position = changes.position
        if changed is None:
            self._keys.clear()
            # A new one: a key that is being made may enter something outdated.
            self._of_common = OfCommon()
            return
        for name in changed:
            self._keys.pop(name, None)
