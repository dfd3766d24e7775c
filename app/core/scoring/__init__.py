"""How good a node is for a Pod's devices, from 0 to 10 as kube-scheduler's extender protocol has it."""

from app.core.scoring.policies import DEFAULT_POLICY, POLICIES, Policy, policy_named
from app.core.scoring.score import MAX_SCORE, score

__all__ = ["DEFAULT_POLICY", "MAX_SCORE", "POLICIES", "Policy", "policy_named", "score"]
