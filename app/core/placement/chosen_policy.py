"""Selects the scoring policy of a Pod: from the request, the Pod, the classes of its claims, or the
settings, in this order.
"""

from collections.abc import Iterable

from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.placement.rules import Rules
from app.core.scoring import UnknownPolicyError, policy_named
from app.core.state.state import State

ANNOTATION = "dra-extender/policy"
"""Annotation of a Pod or a DeviceClass: a policy, or several with weights."""


def policy_for(state: State, pod: Pod, claims: Iterable[ResourceClaim], rules: Rules) -> str:
    """The policy, as text for ``policy_named``.

    Ignores an annotation with an unknown policy, since a score must not block a Pod; ``check`` reports
    it. Cost: O(requests).
    """
    if rules.policy_fixed:
        return rules.policy
    wishes = [pod.meta.annotations.get(ANNOTATION)]
    for claim in claims:
        for request in claim.spec.requests:
            options = request.first_available or ((request.exactly,) if request.exactly is not None else ())
            for option in options:
                found = state.classes.get(option.device_class)
                wishes.append(found.meta.annotations.get(ANNOTATION) if found is not None else None)
    return next((wish for wish in wishes if wish and is_policy(wish)), rules.policy)


def is_policy(text: str) -> bool:
    """Whether the text names a policy, or several with weights."""
    try:
        policy_named(text)
    except UnknownPolicyError:
        return False
    return True
