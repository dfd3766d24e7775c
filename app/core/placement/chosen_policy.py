"""Selects the scoring policy of a Pod: from the request, the Pod, the classes of its claims, or the
settings, in this order.
"""

from collections.abc import Collection

from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.pauses import paced
from app.core.placement.rules import Rules
from app.core.scoring import UnknownPolicyError, policy_named
from app.core.state.state import State

ANNOTATION = "dra-extender/policy"
"""Annotation of a Pod or a DeviceClass: a policy, or several with weights."""

_FEW = 8
"""Claims between two pauses: each may have 256 options."""


def policy_for(state: State, pod: Pod, claims: Collection[ResourceClaim], rules: Rules) -> str:
    """The policy, as text for ``policy_named``.

    Ignores an annotation with an unknown policy, since a score must not block a Pod; ``check`` reports
    it. Cost: O(requests), with pauses, and each class once: a Pod may have thousands of claims of one class.
    """
    if rules.policy_fixed:
        return rules.policy
    wish = pod.meta.annotations.get(ANNOTATION)
    if wish and is_policy(wish):
        return wish
    seen = set[str]()
    for claim in claims if len(claims) <= _FEW else paced(claims, _FEW):
        for name in (option.device_class for request in claim.spec.requests for option in request.options):
            if name in seen:
                continue
            seen.add(name)
            found = state.classes.get(name)
            wish = found.meta.annotations.get(ANNOTATION) if found is not None else None
            if wish and is_policy(wish):
                return wish
    return rules.policy


def is_policy(text: str) -> bool:
    """Whether the text names a policy, or several with weights."""
    try:
        policy_named(text)
    except UnknownPolicyError:
        return False
    return True
