"""How good a node is for a Pod's devices, from 0 to 10 as kube-scheduler's extender protocol has it."""

from app.core.scoring.device_demand import DeviceDemand
from app.core.scoring.mix import Mix, ScorePart, UnknownPolicyError, policy_named
from app.core.scoring.policies import DEFAULT_POLICY, POLICIES, Policy
from app.core.scoring.prospect import Prospect
from app.core.scoring.score import MAX_SCORE, Score, score

__all__ = [
    "DEFAULT_POLICY",
    "MAX_SCORE",
    "POLICIES",
    "DeviceDemand",
    "Mix",
    "Policy",
    "Prospect",
    "Score",
    "ScorePart",
    "UnknownPolicyError",
    "policy_named",
    "score",
]
