"""A minor version of Kubernetes, and how to find it by its name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.core.versions.cel_rules import (
    CEL_1_33,
    CEL_1_34,
    CEL_1_35,
    CEL_1_36,
    CEL_1_37,
    CEL_1_38,
    CelRules,
)
from app.core.versions.channel import (
    ALLOCATORS_1_33,
    ALLOCATORS_1_34,
    ALLOCATORS_1_35,
    ALLOCATORS_1_36,
    ALLOCATORS_1_37,
    ALLOCATORS_1_38,
    Allocators,
)
from app.core.versions.gates import FIRST_MINOR, Gate, gates_of

API_ENDS = {"v1beta1": "1.38", "v1beta2": "1.39"}
"""The first version of Kubernetes that does not serve a version of resource.k8s.io."""

ADMIN_ACCESS_LABEL = "resource.kubernetes.io/admin-access"


class VersionError(ValueError):
    """The text is not a version of Kubernetes, or is older than those known here."""


@dataclass(frozen=True, slots=True, eq=False)
class KubernetesVersion:
    """What one minor version does. Compared by identity: there is one value for each version.

    ``name`` is like ``1.34``. ``gates`` are the feature gates by name. ``apis`` are the versions of
    resource.k8s.io that the API server can serve for claims, classes and slices, newest first, and
    ``default_apis`` those that it serves without ``--runtime-config``. ``taint_rule_apis`` are those of
    DeviceTaintRule. ``taint_rule_selectors``: rules can select devices by class and CEL.
    ``counters_beside_devices``: one ResourceSlice has both, as only 1.33 and 1.34 allow.
    ``admin_access_label`` is the namespace label that allows adminAccess. ``shows_choice``: kube-scheduler
    writes ``status.nominatedNodeName`` before it waits for volumes or permits (the gate
    NominatedNodeNameForExpectation). ``overhead_by_container``: what devices take of a node for each
    container counts while the container runs. ``allocators`` are the in-tree allocators, the oldest first,
    and ``cel`` the rules of expressions.
    """

    minor: int
    apis: tuple[str, ...]
    default_apis: tuple[str, ...]
    taint_rule_apis: tuple[str, ...]
    allocators: Allocators
    cel: CelRules
    gates: Mapping[str, Gate]
    taint_rule_selectors: bool = False
    counters_beside_devices: bool = False
    admin_access_label: str = ADMIN_ACCESS_LABEL
    shows_choice: bool = True
    overhead_by_container: bool = False

    @property
    def name(self) -> str:
        """The version as users write it."""
        return f"1.{self.minor}"

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Kubernetes {self.name}>"


_V1_33 = KubernetesVersion(
    minor=33,
    apis=("v1beta2", "v1beta1"),
    default_apis=(),
    taint_rule_apis=("v1alpha3",),
    allocators=ALLOCATORS_1_33,
    cel=CEL_1_33,
    gates=gates_of(33),
    taint_rule_selectors=True,
    counters_beside_devices=True,
    admin_access_label="resource.k8s.io/admin-access",
    shows_choice=False,
)
_V1_34 = KubernetesVersion(
    minor=34,
    apis=("v1", "v1beta2", "v1beta1"),
    default_apis=("v1",),
    taint_rule_apis=("v1alpha3",),
    allocators=ALLOCATORS_1_34,
    cel=CEL_1_34,
    gates=gates_of(34),
    taint_rule_selectors=True,
    counters_beside_devices=True,
    shows_choice=False,
)
_V1_35 = KubernetesVersion(
    minor=35,
    apis=("v1", "v1beta2", "v1beta1"),
    default_apis=("v1",),
    taint_rule_apis=("v1alpha3",),
    allocators=ALLOCATORS_1_35,
    cel=CEL_1_35,
    gates=gates_of(35),
)
_V1_36 = KubernetesVersion(
    minor=36,
    apis=("v1", "v1beta2", "v1beta1"),
    default_apis=("v1",),
    taint_rule_apis=("v1beta2", "v1alpha3"),
    allocators=ALLOCATORS_1_36,
    cel=CEL_1_36,
    gates=gates_of(36),
)
_V1_37 = KubernetesVersion(
    minor=37,
    apis=("v1", "v1beta2", "v1beta1"),
    default_apis=("v1",),
    taint_rule_apis=("v1", "v1beta2", "v1alpha3"),
    allocators=ALLOCATORS_1_37,
    cel=CEL_1_37,
    gates=gates_of(37),
)
_V1_38 = KubernetesVersion(
    minor=38,
    apis=("v1", "v1beta2"),
    default_apis=("v1",),
    taint_rule_apis=("v1", "v1beta2", "v1alpha3"),
    allocators=ALLOCATORS_1_38,
    cel=CEL_1_38,
    gates=gates_of(38),
    overhead_by_container=True,
)

VERSIONS = (_V1_33, _V1_34, _V1_35, _V1_36, _V1_37, _V1_38)
"""All known versions, oldest first."""
OLDEST, NEWEST = VERSIONS[0], VERSIONS[-1]
DEFAULT = _V1_37
"""The version whose rules hold where the cluster's is not known."""

_TEXT = re.compile(r"v?1\.(\d{1,4})(?:[.+-].*)?\Z", re.ASCII | re.DOTALL)


def is_newer_than_known(text: str) -> bool:
    """Whether the name is that of a version newer than all known ones, which has the rules of the newest."""
    found = _TEXT.match(text)
    return found is not None and int(found.group(1)) >= FIRST_MINOR + len(VERSIONS)


def version_named(text: str) -> KubernetesVersion:
    """The version by a name like ``1.34``, ``v1.34.6`` or ``v1.34.6-gke.100``.

    A version newer than all known ones has the rules of the newest.

    Raises:
        VersionError: the text is not a version, or one before 1.33.
    """
    found = _TEXT.match(text)
    if found is None:
        raise VersionError(f"{text!r} is not a version of Kubernetes: write it like {DEFAULT}")
    minor = int(found.group(1))
    if minor < FIRST_MINOR:
        raise VersionError(f"Kubernetes {text} is not supported: the oldest supported version is {OLDEST}")
    return VERSIONS[min(minor - FIRST_MINOR, len(VERSIONS) - 1)]
