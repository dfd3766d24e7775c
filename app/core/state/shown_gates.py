"""Feature gates that objects show to be on."""

from dataclasses import replace

from app.core.state.state import State
from app.core.versions.cluster_version import ClusterVersion


def with_shown_gates(cluster: ClusterVersion, state: State) -> ClusterVersion:
    """The version, with the gates that must be on where none are known.

    An API server drops the fields of a feature that is off. Of those that 1.33 and 1.34 have off, only
    counters beside devices change how a slice is read. O(slices).
    """
    if cluster.gates is not None or not cluster.version.counters_beside_devices:
        return cluster
    if any(item.shared_counters and item.devices for item in state.inventory.slices.values()):
        return replace(cluster, gates={"DRAPartitionableDevices": True})
    return cluster
