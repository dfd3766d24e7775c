"""The feature gates that matter to devices, in each minor version.

Read from pkg/features/kube_features.go of Kubernetes v1.33.13, v1.34.4, v1.35.4, v1.36.3, v1.37.2 and
v1.38.0-beta.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Stage = Literal["none", "alpha", "beta", "GA"]


@dataclass(frozen=True, slots=True)
class Gate:
    """A feature gate in one version.

    ``on`` is its default. In stage ``none`` the version does not know the gate, and ``on`` is whether the
    version has the feature: not yet, or always.
    """

    stage: Stage
    on: bool


_NONE = Gate("none", on=False)
_ALPHA = Gate("alpha", on=False)
_BETA_OFF = Gate("beta", on=False)
_BETA = Gate("beta", on=True)
_GA = Gate("GA", on=True)
_ALWAYS = Gate("none", on=True)

FIRST_MINOR = 33

_GATES: dict[str, tuple[Gate, ...]] = {
    # 1.33, 1.34, 1.35, 1.36, 1.37, 1.38
    "CompositePodGroup": (_NONE, _NONE, _NONE, _NONE, _ALPHA, _BETA_OFF),
    "DRAAdminAccess": (_ALPHA, _BETA, _BETA, _GA, _GA, _GA),
    "DRAConsumableCapacity": (_NONE, _ALPHA, _ALPHA, _BETA, _BETA, _GA),
    "DRADerivedAttributes": (_NONE, _NONE, _NONE, _NONE, _ALPHA, _ALPHA),
    "DRADeviceBindingConditions": (_NONE, _ALPHA, _ALPHA, _BETA, _BETA, _GA),
    "DRADeviceCompatibilityGroups": (_NONE, _NONE, _NONE, _NONE, _ALPHA, _ALPHA),
    # Before 1.35 DRADeviceTaints alone decides.
    "DRADeviceTaintRules": (_ALWAYS, _ALWAYS, _ALPHA, _BETA_OFF, _GA, _GA),
    "DRADeviceTaints": (_ALPHA, _ALPHA, _ALPHA, _BETA, _GA, _GA),
    "DRAExtendedResource": (_NONE, _ALPHA, _ALPHA, _BETA, _GA, _GA),
    "DRAFractionalCapacityRange": (_NONE, _NONE, _NONE, _NONE, _BETA, _GA),
    "DRAListTypeAttributes": (_NONE, _NONE, _NONE, _ALPHA, _ALPHA, _ALPHA),
    "DRANodeAllocatableResources": (_NONE, _NONE, _NONE, _ALPHA, _ALPHA, _ALPHA),
    "DRAOptionalNodeOperations": (_NONE, _NONE, _NONE, _NONE, _ALPHA, _ALPHA),
    "DRAPartitionableDevices": (_ALPHA, _ALPHA, _ALPHA, _BETA, _BETA, _GA),
    "DRAPartitionableDevicesType": (_NONE, _NONE, _NONE, _NONE, _ALPHA, _ALPHA),
    "DRAPrioritizedList": (_ALPHA, _BETA, _BETA, _GA, _ALWAYS, _ALWAYS),
    "DRAResourceClaimDeviceStatus": (_BETA, _BETA, _BETA, _BETA, _GA, _GA),
    "DRAResourceClaimGranularStatusAuthorization": (_NONE, _NONE, _NONE, _BETA, _BETA, _BETA),
    "DRAResourcePoolStatus": (_NONE, _NONE, _NONE, _ALPHA, _ALPHA, _ALPHA),
    "DRASchedulerFilterTimeout": (_NONE, _BETA, _BETA, _BETA, _BETA, _BETA),
    "DRAWorkloadResourceClaims": (_NONE, _NONE, _NONE, _ALPHA, _BETA_OFF, _BETA_OFF),
    "DynamicResourceAllocation": (_BETA_OFF, _GA, _ALWAYS, _ALWAYS, _ALWAYS, _ALWAYS),
    "GenericWorkload": (_NONE, _NONE, _ALPHA, _ALPHA, _BETA_OFF, _BETA_OFF),
    "NodeDeclaredFeatures": (_NONE, _NONE, _ALPHA, _BETA, _GA, _GA),
    "SchedulerPreQueueingHints": (_NONE, _NONE, _NONE, _NONE, _ALPHA, _BETA),
}


def gates_of(minor: int) -> Mapping[str, Gate]:
    """The gates of a known minor version, by name."""
    return {name: states[minor - FIRST_MINOR] for name, states in _GATES.items()}
