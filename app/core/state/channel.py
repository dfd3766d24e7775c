"""Selects which of the three in-tree allocators would run, and the resulting differences.

structured/allocator.go of k8s.io/dynamic-resource-allocation picks the oldest of its allocators that
supports every feature that is on. They differ only in the points named here, so this project has one
search and a few switches.
"""

from dataclasses import dataclass

from app.core.model.features import Features


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


STABLE = Channel(
    counters_everywhere=True,
    ordered=False,
    distinct=False,
    refuse_capacity=False,
    node_operations=False,
    binds_to_node=False,
    shows_sharing=False,
)
INCUBATING = Channel(
    counters_everywhere=False,
    ordered=True,
    distinct=True,
    refuse_capacity=True,
    node_operations=False,
    binds_to_node=True,
    shows_sharing=True,
)
EXPERIMENTAL = Channel(
    counters_everywhere=False,
    ordered=True,
    distinct=True,
    refuse_capacity=True,
    node_operations=True,
    binds_to_node=True,
    shows_sharing=True,
)


def channel_of(features: Features) -> Channel:
    """The allocator that kube-scheduler 1.37 uses with these features."""
    if (
        features.compatibility_groups
        or features.derived_attributes
        or features.list_type_attributes
        or features.optional_node_operations
    ):
        return EXPERIMENTAL
    if (
        features.consumable_capacity
        or features.device_binding_and_status
        or features.fractional_capacity_range
    ):
        return INCUBATING
    return STABLE
