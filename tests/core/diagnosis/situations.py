"""Situations in which a Pod fits nowhere."""

from app.core.dry_run.place import PodPlacement, place, with_near_misses
from tests.core.diagnosis.applying import Situation
from tests.core.diagnosis.inventory import (
    claim,
    cls,
    counters,
    dev,
    drawing,
    node,
    pool,
)
from tests.objects import DRIVER

BIG = f'device.capacity["{DRIVER}"].memory.compareTo(quantity("80Gi")) >= 0'


RED = f'device.attributes["{DRIVER}"].colour == "red"'


NUMA = f"{DRIVER}/numa"


ONE = (node("n1"), cls())
"""One node and the class gpu."""


SLOTS_USED_UP = (
    counters("n1", slots="4"),
    pool(
        "n1",
        drawing(dev("a", colour="blue"), slots="3"),
        drawing(dev("b", colour="red"), slots="2"),
        of=2,
    ),
    claim("other", holds="n1/a"),
)
"""Of four slots a blue device in use draws three, and a red one needs two."""


def placed(situation: Situation) -> PodPlacement:
    state, wanted, rules = situation.parsed()
    steps = with_near_misses(state, rules, place(state, [wanted], sorted(state.nodes), rules))
    (found,) = [item for item in steps if item is not None]
    return found
