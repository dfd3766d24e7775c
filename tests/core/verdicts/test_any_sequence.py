"""Pools and verdicts that are kept are those of a new index, whatever has come, changed and gone.

Beside the events of test_cache.py and test_state.py: slices that move between pools and nodes and change
their generation, devices that select their nodes, counters, shares, binding conditions, labels and declared
features of nodes, rules, forks, what Pods and devices take of nodes, and changes in pauses of an evaluation.
"""

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from itertools import count
from typing import Any

import pytest
from fuzz.devices import Supply
from fuzz.generator import Demand
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.diagnosis import node_message
from app.core.json_object import JsonObject
from app.core.model import device_reach
from app.core.model.errors import ObjectError
from app.core.model.features import Features
from app.core.model.parse import InventoryObject, parse
from app.core.pauses import on_pause
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.scoring.policies import POLICIES
from app.core.selectors import SelectorCache
from app.core.state.pledges import Pledge
from app.core.state.pools import Pool, PoolError
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import current_entry, known, verdicts
from app.core.versions import version_named
from tests.node_allocatable import using, with_room
from tests.objects import claim

NODES = ("n1", "n2", "n3")
POOLS = ("n1", "n2", "net", "z0", "mixed")
VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37", "1.38")
GATES = (
    "CompatibilityGroups",
    "ConsumableCapacity",
    "DeviceBindingAndStatus",
    "DeviceTaintRules",
    "DeviceTaints",
    "PartitionableDevices",
)
STEPS = 20


class World:
    """A state that events change, and objects for them to draw from."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.state = State()
        supplies = [Supply(rng) for _ in range(4)]
        self.demand = Demand(rng, supplies[0])
        self.slices = [item for supply in supplies for item in supply.slices]
        self.names = [f"s{number}" for number in range(rng.choice((2, 4, 8)))]
        self.takes = rng.random() < 0.5
        self.shares = count()
        claims = [item["metadata"]["name"] for item in self.demand.claims]
        for raw in (*self.demand.classes, *self.demand.claims, using("p", *claims, cpu="1")):
            self.put(raw)
        self.events: list[Callable[[State], None]] = [
            *[self.publish] * 9,
            *[self.withdraw] * 2,
            *[self.join] * 3,
            lambda state: state.delete("Node", ("", rng.choice(NODES))),
            *[self.hold] * 3,
            lambda state: state.delete("ResourceClaim", ("default", f"h{rng.randint(0, 3)}")),
            self.taint,
            lambda state: state.delete("DeviceTaintRule", ("", f"r{rng.randint(0, 1)}")),
            *([self.use, self.pledge] * 4 if self.takes else ()),
        ]

    def happen(self, state: State | None = None) -> None:
        """One event, in the world's own state or in a fork."""
        self.rng.choice(self.events)(self.state if state is None else state)

    def put(self, raw: JsonObject, state: State | None = None) -> None:
        try:
            item = parse(raw)
        except ObjectError:
            return  # see Feed
        assert isinstance(item, InventoryObject)
        (self.state if state is None else state).upsert(item)

    def publish(self, state: State) -> None:
        rng = self.rng
        if not self.slices:
            return
        raw = copy.deepcopy(rng.choice(self.slices))
        raw["metadata"]["name"] = rng.choice(self.names)
        spec, pool = raw["spec"], raw["spec"]["pool"]
        if rng.random() < 0.3:
            pool["generation"] = rng.randint(1, 3)
        if rng.random() < 0.4:
            pool["resourceSliceCount"] = rng.randint(1, 3)
        if rng.random() < 0.2:
            pool["name"] = rng.choice(POOLS)
        if spec.get("nodeName") and rng.random() < 0.1:
            spec["nodeName"] = rng.choice(NODES)
        for item in spec.get("devices", ()) if self.takes else ():
            if rng.random() < 0.3:
                cpu = {"mapping": {"deviceMultiplier": str(rng.randint(1, 4))}}
                item["nodeAllocatableResources"] = {"cpu": cpu}
        self.put(raw, state)

    def withdraw(self, state: State) -> None:
        state.delete("ResourceSlice", ("", self.rng.choice(self.names)))

    def join(self, state: State) -> None:
        """A node comes, or changes."""
        raw = with_room(self.rng.choice(NODES), cpu=str(self.rng.randint(1, 8)))
        raw["metadata"]["labels"] = {"zone": self.rng.choice(("z0", "z1"))}
        if self.rng.random() < 0.3:
            raw["metadata"]["labels"]["rack"] = "r"
        if self.rng.random() < 0.5:
            raw["status"]["declaredFeatures"] = ["DRAOptionalNodeOperations"]
        self.put(raw, state)

    def hold(self, state: State) -> None:
        """A claim gets a device, or a share of one."""
        slices = [item for item in state.inventory.slices.values() if item.devices]
        if not slices:
            return
        chosen = self.rng.choice(slices)
        wanted = self.rng.choice(chosen.devices)
        result: JsonObject = {
            "request": "r",
            "driver": chosen.driver,
            "pool": chosen.pool,
            "device": wanted.name,
        }
        if wanted.allow_multiple_allocations and self.rng.random() < 0.7:
            consumed = {"memory": self.rng.choice(("1Gi", "2Gi"))}
            result |= {"shareID": f"share-{next(self.shares)}", "consumedCapacity": consumed}
        status = {"allocation": {"devices": {"results": [result]}}}
        self.put(claim(f"h{self.rng.randint(0, 3)}") | {"status": status}, state)

    def taint(self, state: State) -> None:
        selector = {"pool": self.rng.choice(POOLS)}
        taint = {"key": "k", "effect": self.rng.choice(("NoSchedule", "NoExecute"))}
        raw = {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "DeviceTaintRule",
            "metadata": {"name": f"r{self.rng.randint(0, 1)}"},
            "spec": {"deviceSelector": selector, "taint": taint},
        }
        self.put(raw, state)

    def use(self, state: State) -> None:
        """Another Pod takes CPU of a node, or ends."""
        name = f"u{self.rng.randint(0, 3)}"
        if self.rng.random() < 0.3:
            state.delete("Pod", ("default", name))
            return
        raw = using(name, cpu=str(self.rng.randint(1, 5)))
        self.put(raw | {"spec": raw["spec"] | {"nodeName": self.rng.choice(NODES)}}, state)

    def pledge(self, state: State) -> None:
        """Another Pod is about to take CPU of nodes, or is not any more."""
        uid, firm = f"uid-v{self.rng.randint(0, 3)}", self.rng.random() < 0.5
        if self.rng.random() < 0.3:
            state.redeem(uid)
            return
        nodes = frozenset(self.rng.sample(NODES, 1 if firm else 2))
        demand = {"cpu": self.rng.randint(1, 6) * 10**9}
        by_devices = firm and self.rng.random() < 0.6
        state.pledge(uid, Pledge(nodes, demand, firm=firm, by_devices=by_devices))

    def rules(self) -> list[Rules]:
        """Of several clusters, with one policy."""
        policy = self.rng.choice(list(POLICIES))
        return [
            Rules(SelectorCache(), lambda: f"s{next(self.shares)}", features=features, policy=policy)
            for features in dict.fromkeys(_features(self.rng) for _ in range(2))
        ]

    @contextmanager
    def change_in_a_pause(self) -> Iterator[None]:
        left = self.rng.randint(1, 30)

        def hook(_cost: int) -> None:
            nonlocal left
            left -= 1
            if not left:
                self.happen()

        with on_pause(hook):
            yield


def _features(rng: random.Random) -> Features:
    features = Features.of(version_named(rng.choice(VERSIONS)))
    switches = {name: rng.random() < 0.7 for name in GATES if rng.random() < 0.25}
    try:
        return features.switched(switches)
    except ValueError:
        return features  # no allocator of the version supports that


def anew(state: State) -> State:
    """A state that has received each object once, as it is now."""
    fresh = State()
    inventory = state.inventory
    objects = (state.classes, state.nodes, inventory.rules, inventory.slices, state.pods)
    for item in [*(each for kind in objects for each in kind.values()), *state.claims()]:
        fresh.upsert(item)
    fresh.usage, fresh.pledges = state.usage.fork(), state.pledges.fork()
    return fresh


def pools_of(state: State, node: str, features: Features) -> Any:
    try:
        return [_looks(pool) for pool in state.inventory.pools(node, features)]
    except (KeyError, PoolError) as error:
        return repr(error)


def _looks(pool: Pool) -> Any:
    """What a pool is made from; devices by their values."""
    devices = [(item.id, item.device, item.slice) for item in pool.devices]
    return [
        *(getattr(pool, item.name) for item in fields(pool) if item.init and item.name != "devices"),
        devices,
    ]


def is_as_anew(state: State, cache: VerdictCache, rules: list[Rules]) -> None:
    fresh = anew(state)
    for each in rules:
        for node in NODES:
            assert pools_of(state, node, each.features) == pools_of(fresh, node, each.features)
        kept = dict(verdicts(PodEvaluation(state, state.pods["default", "p"], each), NODES, cache))
        alone = PodEvaluation(fresh, fresh.pods["default", "p"], each)
        for node in NODES:
            answer, found = alone.explained(alone.answer(node)), kept[node]
            assert (found.verdict, found.curable) == (answer.verdict, answer.curable)
            assert found.score == (answer.score or 0)
            assert found.message == ("" if answer.verdict == "fits" else node_message(answer.reasons))
        entry = current_entry(PodEvaluation(state, state.pods["default", "p"], each), cache)
        if entry is not None:
            for node, again in zip(NODES, known(entry, NODES, cache).found, strict=True):
                assert again is None or again.content == kept[node].content


@pytest.mark.parametrize("in_pauses", [False, True])
@settings(max_examples=30)
@given(st.integers(0, 1_000_000))
def test_what_is_kept_is_what_a_new_index_finds(in_pauses: bool, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    world = World(rng)
    state, rules, cache = world.state, world.rules(), VerdictCache(world.state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device_reach, "_MAX_LOOKS", rng.choice((2, 512)))
        for _ in range(STEPS):
            world.happen()
            if in_pauses:
                with world.change_in_a_pause():
                    for each in rules:
                        list(verdicts(PodEvaluation(state, state.pods["default", "p"], each), NODES, cache))
            elif rng.random() < 0.15:
                fork = state.fork()
                for _ in range(3):
                    world.happen(fork)
                is_as_anew(fork, VerdictCache(fork), rules)
            is_as_anew(state, cache, rules)
