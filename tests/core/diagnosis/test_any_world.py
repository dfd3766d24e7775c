"""Near misses are true in any small world, not only in those that somebody has thought of."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.dry_run.json_answers import near_misses_json
from app.core.json_object import JsonObject
from tests.core.diagnosis.applying import Situation
from tests.core.diagnosis.inventory import claim, cls, dev, node, pod, pool, req, template
from tests.core.diagnosis.situations import BIG, NUMA, RED, placed


@dataclass(frozen=True)
class Device:
    colour: str
    memory: str
    numa: int
    tainted: bool
    held_by: str


@dataclass(frozen=True)
class Wish:
    count: int
    where: str | None
    match: bool
    every: bool
    generated: bool


devices = st.builds(
    Device,
    st.sampled_from(["red", "blue"]),
    st.sampled_from(["40Gi", "80Gi"]),
    st.sampled_from([0, 1]),
    st.booleans(),
    st.sampled_from(["", "", "x", "y", "own"]),
)
nodes = st.tuples(st.lists(devices, max_size=3), st.sampled_from(["", "cordoned", "tainted"]))
wishes = st.builds(
    Wish,
    st.integers(1, 3),
    st.sampled_from([None, RED, BIG, f"{RED} && {BIG}", f"{RED} || {BIG}"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


def situation(world: list[tuple[list[Device], str]], wish: Wish) -> Situation:
    objects: list[JsonObject] = [cls()]
    holds: dict[str, list[str]] = {}
    for index, (listed, trouble) in enumerate(world):
        name = f"n{index}"
        taints = ["dedicated=ml:NoSchedule"] * (trouble == "tainted")
        objects.append(node(name, *taints, cordoned=trouble == "cordoned"))
        made = []
        for number, device in enumerate(listed):
            ecc = ["ecc:NoSchedule"] * device.tainted
            values = {"colour": device.colour, "numa": device.numa}
            made.append(dev(f"d{number}", *ecc, memory=device.memory, **values))
            if device.held_by:
                holds.setdefault(f"{device.held_by}{index}", []).append(f"{name}/d{number}")
        objects.append(pool(name, *made))
    objects += [claim(name, holds=" ".join(held)) for name, held in holds.items()]
    request = req(where=wish.where, count=wish.count, **({"allocationMode": "All"} if wish.every else {}))
    # A claim of the Pod's own may be allocated already, and so bind it to a node.
    pinned = [name for name in holds if name.startswith("own")][:1]
    if wish.generated:
        return Situation([*objects, template("t", request)], pod(*pinned, templates=("t",)))
    wanted = claim("c", request, match=NUMA if wish.match else "")
    return Situation([*objects, wanted], pod("c", *pinned))


@given(st.lists(nodes, min_size=1, max_size=3), wishes)
@settings(max_examples=150)
def test_every_near_miss_is_true(world: list[tuple[list[Device], str]], wish: Wish) -> None:
    asked = situation(world, wish)
    found = placed(asked)
    if found.chosen is not None:
        assert found.near_misses == ()
    for item in near_misses_json(found.near_misses):
        changed = asked
        for change in item["changes"]:
            changed = changed.changed(change)
        again = placed(changed)
        assert again.chosen is not None, item["text"]
