"""The input of a decision besides the state."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.core.allocator import Limits
from app.core.model.features import Features
from app.core.scoring import DEFAULT_POLICY
from app.core.selectors import SelectorCache


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of placement.

    ``node_checks``: also check nodeSelector, required node affinity, taints, unschedulable and resource
    requests, which kube-scheduler does itself except in a dry run. ``generate_claims``: generate claims
    from templates for Pods that do not exist yet. ``now``: the time, for the timeout of binding
    conditions; without it there is none. ``policy_fixed``: ignore the policies of Pods and classes.
    ``groups_known``: the state has all PodGroups, as it has in a cluster that serves them.
    ``other_namespaces``: reasons may name another namespace that has a missing claim or template. Not for
    kube-scheduler, whose events everyone reads who may read the Pod.
    """

    selectors: SelectorCache
    new_share_id: Callable[[], str]
    features: Features = field(default_factory=Features)
    policy: str = DEFAULT_POLICY
    policy_fixed: bool = False
    limits: Limits = field(default_factory=Limits)
    node_checks: bool = False
    generate_claims: bool = False
    now: Callable[[], datetime] | None = None
    binding_timeout_seconds: float = 600.0
    groups_known: bool = False
    other_namespaces: bool = True
