"""Chooses a Pod's devices on a node by the policy.

The first search uses in-tree's order of devices, and it alone decides whether the Pod fits. If it does,
more searches use the orders of the policies, and the best result is used, or the first if none is better.
So the verdict does not depend on the policy.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

from app.core.allocator import Fits, Limits, Plan, allocate_planned
from app.core.model.node import Node
from app.core.scoring import DeviceDemand, Mix, Prospect
from app.core.state.pools import Pool
from app.core.state.taken import Taken

MAX_ORDERS = 16
"""Maximum number of further searches on one node."""
_MORE_STEPS = 256
"""Extra steps of a further search, beyond those of the first one."""


def prospect_of(
    plan: Plan,
    pools: Sequence[Pool],
    taken: Taken,
    fits: Fits,
    groups: frozenset[str] = frozenset(),
    *,
    demand: DeviceDemand | None = None,
) -> Prospect:
    """The input of a policy."""
    specs = [claim.claim.spec for claim in plan.claims]
    return Prospect(pools, taken, fits.allocations, specs, groups, demand=demand)


def pick(  # noqa: PLR0917 - all that a search depends on comes as arguments
    mix: Mix,
    node: Node,
    pools: Sequence[Pool],
    plan: Plan,
    taken: Taken,
    found: Fits,
    *,
    limits: Limits,
    new_share_id: Callable[[], str],
    groups: frozenset[str] = frozenset(),
    demand: DeviceDemand | None = None,
) -> Fits:
    """What the Pod gets, by the policy.

    ``groups``: attributes by which claims of others keep devices together; ``demand``: what they ask for.
    Only allocations with the same alternatives as the first one are compared: these are the user's choice.
    Cost: up to ``MAX_ORDERS`` searches, each of at most the first one's steps and 256.
    """
    if not mix.picks or not found.allocations:
        return found
    choice = [found]
    first = prospect_of(plan, pools, taken, found, groups, demand=demand)
    bounded = replace(limits, max_steps=min(limits.max_steps, found.steps + _MORE_STEPS))
    for order in islice(mix.orders(first), MAX_ORDERS):
        other = allocate_planned(
            node, pools, plan, taken, limits=bounded, new_share_id=new_share_id, order=order
        )
        if isinstance(other, Fits) and other.ranks == found.ranks:
            choice.append(replace(other, steps=found.steps))
    others = [prospect_of(plan, pools, taken, item, groups, demand=demand) for item in choice[1:]]
    return choice[mix.best([first, *others])]
