"""The attacks: requests, and objects that a tenant or a driver may write."""

from bench.attacks.inputs import bodies, drivers, queries, running, tenants, what_ifs
from bench.attacks.inputs.registry import Attack

__all__ = ("Attack", "attacks")

_MODULES = (tenants, queries, bodies, what_ifs, drivers, running)
"""What leaves many objects behind comes last: later attacks meet them."""


def attacks() -> dict[str, Attack]:
    """By name, in the order in which they run."""
    return {name: run for module in _MODULES for name, run in module.ATTACKS.items()}
