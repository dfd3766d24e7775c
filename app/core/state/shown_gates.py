"""Feature gates that objects show to be on."""

from dataclasses import replace

from app.core.pauses import paced
from app.core.state.state import State
from app.core.versions.cluster_version import ClusterVersion
from app.core.versions.kubernetes_version import KubernetesVersion


def with_shown_gates(cluster: ClusterVersion, state: State) -> ClusterVersion:
    """The version, with the gates that must be on where none are known.

    An API server drops the fields of a feature that is off. Of those that 1.33 and 1.34 have off, only
    counters beside devices change how a slice is read. O(slices).
    """
    if cluster.gates is not None or not cluster.version.counters_beside_devices:
        return cluster
    if _beside_devices(state):
        return replace(cluster, gates={"DRAPartitionableDevices": True})
    return cluster


def unread_devices(cluster: KubernetesVersion, state: State) -> str:
    """A note on slices whose devices a version does not read; empty if there are none. O(slices)."""
    names = [] if cluster.counters_beside_devices else _beside_devices(state)
    if not names:
        return ""
    which = f"ResourceSlice {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    have = "have" if len(names) > 1 else "has"
    return (
        f"{which} {have} counters beside devices: only Kubernetes 1.33 and 1.34 read these devices; if the "
        "cluster is one of them, give its version, as with --kubernetes-version 1.34"
    )


def unread_selectors(cluster: KubernetesVersion, state: State) -> str:
    """A note on rules with selectors that a version does not read; empty if there are none. O(rules)."""
    if cluster.taint_rule_selectors:
        return ""
    found = [
        rule.meta.name
        for rule in paced(state.inventory.rules.values())
        if rule.selector is not None and (rule.selector.device_class or rule.selector.expressions)
    ]
    if not found:
        return ""
    which = f"DeviceTaintRule {min(found)}" + (f" and {len(found) - 1} more" if len(found) > 1 else "")
    return (
        f"{which} with a class or CEL: only Kubernetes 1.33 and 1.34 select by them; later ones taint all "
        "devices that the driver, pool and device of the rule select"
    )


def _beside_devices(state: State) -> list[str]:
    slices = state.inventory.slices.values()
    return sorted(item.meta.name for item in paced(slices) if item.shared_counters and item.devices)
