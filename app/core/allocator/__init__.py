"""The search for devices on one node: pure, and the same verdicts as kube-scheduler 1.37.

``allocate`` answers for one node. ``plan_claims`` once and ``allocate_planned`` for each node is
the same, without checking claims and compiling selectors again for every node.
"""

from app.core.allocator.allocate import allocate, allocate_planned, plan_claims
from app.core.allocator.node_devices import Order
from app.core.allocator.outcome import AllocationError, Fits, Invalid, Limits, Misfit, Outcome, Reason
from app.core.allocator.plan import Plan

__all__ = [
    "AllocationError",
    "Fits",
    "Invalid",
    "Limits",
    "Misfit",
    "Order",
    "Outcome",
    "Plan",
    "Reason",
    "allocate",
    "allocate_planned",
    "plan_claims",
]
