"""The in-tree allocators of each version, and the points in which they differ.

structured/allocator.go of k8s.io/dynamic-resource-allocation picks the oldest of its allocators that
supports every feature that is on. They differ only in the points named here, and so do the versions, so
this project has one search and a few switches.
"""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Channel:
    """The switches of one allocator.

    Pools: ``counters_everywhere``: slices with shared counters count on every node, also if they are for
    another one. ``ordered``: pools are sorted by name, and those with binding conditions come last.
    ``partial_pools``: a pool is complete if all its slices are for the node, devices of an incomplete one
    can be allocated, and an invalid one is an error where nothing fits.
    ``broken_pools_here``: All mode excludes a node with an incomplete or invalid pool; otherwise that is an
    error.

    Constraints: ``distinct`` is how distinctAttribute compares: with all devices, with the latest device of
    each other request, only a device with itself, or not at all (an empty constraint). ``sets``: with
    ListTypeAttributes, constraints compare lists. ``strict_attributes``: a value that constraints cannot
    compare is an error, and versions are equal if they differ in build metadata only.

    Capacity: ``refuse_capacity``: capacity requests are refused while ConsumableCapacity is off; otherwise
    they are ignored. ``exact_amounts``: an amount that is negative or leaves 64 bits is an error; otherwise
    it is computed anyway. ``checked_requests``: so is a negative request, before it is rounded up.
    ``qualified_names``: ``memory`` and ``<driver>/memory`` are the same capacity. ``all_with_room``: All mode
    requests the devices that have room; otherwise it fails where one has too little.
    ``marked_by_capacity``: a device counts as shared if a share of it consumes capacity.
    ``live_shares``: a device with shares is in use, also if it cannot be shared any more.

    Other: ``node_operations``: skipNodeOperations is used. ``binds_to_node``: the field is used.
    ``shows_sharing``: CEL sees allowMultipleAllocations; otherwise it is always false.
    ``forgets_subrequest``: All mode in a second or later subrequest continues with the first after one
    device. ``confuses_subrequests``: if the first two subrequests have All mode, the second requests
    the devices that match the first. ``rescans``: the search for each device of a request begins with the
    first, so that the request can have several shares of one device. ``keeps_refused``: constraints go on
    comparing with a device that All mode has refused for its capacity.
    ``every_effect``: taints of unknown effects prevent allocation, too.
    ``all_keeps_devices``: the devices of a request for All stay taken when the search turns back from it.
    ``large_is_failure``: a claim that gets too large is a plain failure; otherwise other devices of the
    request before are not tried then.
    ``admin_leaves_no_trace``: administrative access takes any device, as often as requested, and draws no
    counters that others need.
    ``own_counters_only``: a device needs the counters that it names; otherwise an overdrawn counter
    prevents all devices of the pool.
    ``hides_counters``: a slice with counters is ignored while PartitionableDevices is off.
    ``merges_configuration``: configuration for all requests is written without their names, and for several
    once; otherwise once for each of them. ``writes_tolerations``: results have the
    tolerations of their request. ``exact_counts``: the devices of a claim are counted beyond 64 bits.
    """

    counters_everywhere: bool = False
    ordered: bool = True
    partial_pools: bool = False
    broken_pools_here: bool = False
    distinct: Literal["all", "requests", "identity", "never"] = "all"
    sets: bool = True
    strict_attributes: bool = False
    refuse_capacity: bool = True
    exact_amounts: bool = True
    checked_requests: bool = False
    qualified_names: bool = False
    all_with_room: bool = False
    marked_by_capacity: bool = False
    live_shares: bool = False
    node_operations: bool = False
    binds_to_node: bool = True
    shows_sharing: bool = True
    forgets_subrequest: bool = False
    confuses_subrequests: bool = False
    rescans: bool = False
    keeps_refused: bool = False
    every_effect: bool = False
    all_keeps_devices: bool = False
    large_is_failure: bool = False
    admin_leaves_no_trace: bool = False
    own_counters_only: bool = False
    hides_counters: bool = True
    merges_configuration: bool = True
    writes_tolerations: bool = True
    exact_counts: bool = True


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

_EXPERIMENTAL_1_38 = Channel(
    broken_pools_here=True,
    strict_attributes=True,
    checked_requests=True,
    qualified_names=True,
    live_shares=True,
    node_operations=True,
)
_STABLE_1_38 = replace(_EXPERIMENTAL_1_38, node_operations=False)
ALLOCATORS_1_38: Allocators = ((_SECOND, _STABLE_1_38), (_ALL, _EXPERIMENTAL_1_38))

_EXPERIMENTAL_1_37 = Channel(node_operations=True)
_INCUBATING_1_37 = replace(_EXPERIMENTAL_1_37, node_operations=False)
_STABLE_1_37 = replace(
    _INCUBATING_1_37,
    counters_everywhere=True,
    ordered=False,
    distinct="never",
    refuse_capacity=False,
    binds_to_node=False,
    shows_sharing=False,
)
ALLOCATORS_1_37: Allocators = (
    (_FIRST, _STABLE_1_37),
    (_SECOND, _INCUBATING_1_37),
    (_ALL, _EXPERIMENTAL_1_37),
)

# kube-scheduler 1.36 does not pass ListTypeAttributes to its allocators: the gate changes CEL alone.
_STABLE_1_36 = replace(_STABLE_1_37, merges_configuration=False, sets=False)
_INCUBATING_1_36 = replace(
    _INCUBATING_1_37,
    counters_everywhere=True,
    distinct="requests",
    sets=False,
    exact_amounts=False,
    all_with_room=True,
    marked_by_capacity=True,
    merges_configuration=False,
)
ALLOCATORS_1_36: Allocators = ((_FIRST | {"list_type_attributes"}, _STABLE_1_36), (_ALL, _INCUBATING_1_36))

_INCUBATING_1_35 = replace(_STABLE_1_36, forgets_subrequest=True, confuses_subrequests=True)
_EXPERIMENTAL_1_35 = replace(
    _INCUBATING_1_36,
    ordered=False,
    forgets_subrequest=True,
    confuses_subrequests=True,
    rescans=True,
    keeps_refused=True,
)
ALLOCATORS_1_35: Allocators = (
    (_FIRST | {"list_type_attributes"}, _INCUBATING_1_35),
    (_ALL, _EXPERIMENTAL_1_35),
)

# The gate DRAResourceClaimDeviceStatus is on by default and only the experimental one supports it.
_EXPERIMENTAL_1_34 = replace(
    _EXPERIMENTAL_1_35,
    counters_everywhere=False,
    partial_pools=True,
    distinct="identity",
    every_effect=True,
    hides_counters=False,
    writes_tolerations=False,
)
ALLOCATORS_1_34: Allocators = ((_ALL, _EXPERIMENTAL_1_34),)

_ONLY_1_33 = replace(
    _EXPERIMENTAL_1_34,
    all_keeps_devices=True,
    large_is_failure=True,
    admin_leaves_no_trace=True,
    own_counters_only=True,
    hides_counters=True,
    exact_counts=False,
)
ALLOCATORS_1_33: Allocators = ((_ALL, _ONLY_1_33),)
