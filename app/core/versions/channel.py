"""Selects which of the three in-tree allocators would run, and the resulting differences.

structured/allocator.go of k8s.io/dynamic-resource-allocation picks the oldest of its allocators that
supports every feature that is on. They differ only in the points named here, and between versions, so this
project has one search and a few switches.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Channel:
    """The switches, by the allocator they come from.

    ``counters_everywhere``: the stable one uses slices with shared counters on every node, also if they
    are for another one. ``ordered``: the others sort pools by name, and put those with binding conditions
    last. ``distinct``: the stable one does not know distinctAttribute and reports an empty constraint.
    ``refuse_capacity``: the others refuse capacity requests while ConsumableCapacity is off, the stable
    one ignores them. ``node_operations``: only the experimental one uses skipNodeOperations.
    ``binds_to_node``: the stable one ignores it. ``shows_sharing``: CEL sees allowMultipleAllocations; in
    the stable one it is always false.
    """

    counters_everywhere: bool
    ordered: bool
    distinct: bool
    refuse_capacity: bool
    node_operations: bool
    binds_to_node: bool
    shows_sharing: bool


_STABLE = Channel(
    counters_everywhere=True,
    ordered=False,
    distinct=False,
    refuse_capacity=False,
    node_operations=False,
    binds_to_node=False,
    shows_sharing=False,
)
_INCUBATING = Channel(
    counters_everywhere=False,
    ordered=True,
    distinct=True,
    refuse_capacity=True,
    node_operations=False,
    binds_to_node=True,
    shows_sharing=True,
)
_EXPERIMENTAL = replace(_INCUBATING, node_operations=True)

Allocators = tuple[tuple[frozenset[str], Channel], ...]
"""The features that each allocator supports, by their names in Features, and what it does. The oldest first;
the last one supports all."""

_FIRST = frozenset({"admin_access", "device_taints", "partitionable_devices", "prioritized_list"})
_SECOND = _FIRST | {"consumable_capacity", "device_binding_and_status", "fractional_capacity_range"}
_ALL = _SECOND | {
    "compatibility_groups",
    "derived_attributes",
    "list_type_attributes",
    "optional_node_operations",
}

ALLOCATORS_1_37: Allocators = ((_FIRST, _STABLE), (_SECOND, _INCUBATING), (_ALL, _EXPERIMENTAL))
ALLOCATORS_1_34 = ALLOCATORS_1_35 = ALLOCATORS_1_36 = ALLOCATORS_1_38 = ALLOCATORS_1_37
