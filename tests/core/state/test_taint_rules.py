"""DeviceTaintRules of every version: what they select."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.json_object import JsonObject
from app.core.model.device_taint_rule import DeviceTaintRule, DeviceTaintSelector
from app.core.model.features import Features
from app.core.model.meta import Meta
from app.core.model.parse import parse
from app.core.model.resource_slice import ResourceSlice
from app.core.model.taints import Taint
from app.core.state.state import State
from app.core.versions import version_named
from tests.attack.dear_selectors import MAX_CALLS
from tests.objects import DRIVER, device, device_class, node, slice_of
from tests.pausing import Meter

BLACK = f'device.attributes["{DRIVER}"].color == "black"'


def rule(version: str, selector: JsonObject | None) -> JsonObject:
    spec: JsonObject = {"taint": {"key": "old", "effect": "NoSchedule"}}
    if selector is not None:
        spec["deviceSelector"] = selector
    return {
        "apiVersion": f"resource.k8s.io/{version}",
        "kind": "DeviceTaintRule",
        "metadata": {"name": "rule"},
        "spec": spec,
    }


def tainted(*objects: JsonObject, features: Features = Features()) -> set[str]:  # noqa: B008 - frozen
    state = State()
    cats = slice_of("n1", device("black", color="black"), device("white", color="white"), {"name": "plain"})
    for raw in (node("n1"), cats, *objects):
        item: Any = parse(raw)
        state.upsert(item)
    (pool,) = state.inventory.pools("n1", features)
    return {placed.device.name for placed in pool.devices if placed.device.taints}


ALL = {"black", "white", "plain"}


@pytest.mark.parametrize(
    ("version", "selector", "names"),
    [
        ("v1alpha3", {"selectors": [{"cel": {"expression": BLACK}}]}, {"black"}),
        ("v1alpha3", {"deviceClassName": "cats"}, {"white"}),
        (
            "v1alpha3",
            {"deviceClassName": "cats", "selectors": [{"cel": {"expression": BLACK}}]},
            set(),
        ),
        ("v1alpha3", {"deviceClassName": "dogs"}, set()),
        ("v1alpha3", {"device": "white", "selectors": [{"cel": {"expression": BLACK}}]}, set()),
        ("v1alpha3", {"selectors": [{"cel": {"expression": "device.nonsense"}}]}, ALL),
        ("v1alpha3", {"selectors": [{"cel": {"expression": "!device.allowMultipleAllocations"}}]}, ALL),
        ("v1alpha3", {}, ALL),
        ("v1alpha3", None, ALL),
        ("v1beta2", None, ALL),
        ("v1", None, set()),
        ("v1", {"driver": DRIVER, "pool": "n1", "device": "white"}, {"white"}),
    ],
)
def test_a_rule_taints_what_it_selects(version: str, selector: JsonObject | None, names: set[str]) -> None:
    cats = device_class("cats", f'device.attributes["{DRIVER}"].color == "white"')
    assert tainted(cats, rule(version, selector)) == names


def test_a_rule_follows_its_class() -> None:
    by_class = rule("v1alpha3", {"deviceClassName": "cats"})
    changed = device_class("cats", BLACK)
    assert tainted(by_class, device_class("cats", "false"), changed) == {"black"}


def test_a_later_slice_is_tainted_as_well() -> None:
    late = slice_of("n1", device("late", color="black"), generation=2)
    by_color = rule("v1alpha3", {"selectors": [{"cel": {"expression": BLACK}}]})
    assert tainted(by_color, late) == {"late"}


def test_rules_do_not_count_while_the_feature_is_off() -> None:
    assert tainted(rule("v1", {}), features=Features.of(version_named("1.36"))) == set()
    assert tainted(rule("v1", {}), features=Features.of(version_named("1.37"))) == ALL


NAMES = st.sampled_from([None, "a", "b"])
RULES = st.lists(
    st.builds(DeviceTaintSelector, NAMES, NAMES, st.sampled_from([None, "d0", "d1", "d9"])), max_size=8
).map(
    lambda selectors: [
        DeviceTaintRule(Meta(f"r{number}"), Taint(f"k{number}", "", "NoSchedule"), selector)
        for number, selector in enumerate(selectors)
    ]
)


def slices() -> list[ResourceSlice]:
    made, own = [], {"taints": [{"key": "own", "effect": "NoSchedule"}]}
    for driver in "ab":
        for pool in "ab":
            raw = slice_of("n1", device("d0") | own, device("d1"))
            raw["metadata"]["name"] = f"{driver}-{pool}"
            raw["spec"] |= {"driver": driver, "pool": raw["spec"]["pool"] | {"name": pool}}
            item = parse(raw)
            assert isinstance(item, ResourceSlice)
            made.append(item)
    return made


def by_comparison(slice_: ResourceSlice, rules: Iterable[DeviceTaintRule]) -> list[tuple[str, ...]]:
    """The keys of the taints of each device, each device compared with each rule."""
    return [
        (
            *(taint.key for taint in item.taints),
            *(
                rule.taint.key
                for rule in rules
                if rule.selector is not None
                and rule.selector.driver in (None, slice_.driver)
                and rule.selector.pool in (None, slice_.pool)
                and rule.selector.device in (None, item.name)
            ),
        )
        for item in slice_.devices
    ]


def keys_of(state: State) -> dict[str, list[tuple[str, ...]]]:
    return {
        item.meta.name: [tuple(taint.key for taint in device.taints) for device in item.devices]
        for item in state.inventory.effective_slices()
    }


@given(RULES, RULES, st.booleans())
def test_looked_up_rules_are_those_that_a_comparison_finds(
    first: list[DeviceTaintRule], then: list[DeviceTaintRule], foreseen: bool
) -> None:
    state = State()
    for item in slices():
        state.upsert(item)
    gone = {rule.meta.name for rule in first} - {rule.meta.name for rule in then}
    state.taint(first)
    assert keys_of(state) == {item.meta.name: by_comparison(item, first) for item in slices()}
    if foreseen:
        state.inventory.foresee_rules(then, gone)
    changed = slices()[0]
    state.upsert(changed)
    with state.inventory.rules_together():
        state.taint(then)
        for name in gone:
            state.delete("DeviceTaintRule", ("", name))
    assert keys_of(state) == {item.meta.name: by_comparison(item, then) for item in slices()}


def many_slices(number: int) -> State:
    state = State()
    for index in range(number):
        name = f"n{index}"
        for raw in (node(name), slice_of(name, *(device(f"d{at}") for at in range(8)))):
            item: Any = parse(raw)
            state.upsert(item)
    return state


def test_the_work_for_rules_is_that_for_devices_and_not_for_each_pair() -> None:
    calls = []
    for number in (10, 1_000):
        state, meter = many_slices(50), Meter()
        rules = [
            DeviceTaintRule(
                Meta(f"r{index}"),
                Taint(f"k{index}", "", "NoSchedule"),
                DeviceTaintSelector(DRIVER, None, f"d{index % 8}"),
            )
            for index in range(number)
        ]
        meter.measure(lambda state=state, rules=rules: state.taint(rules))
        assert meter.most < MAX_CALLS
        calls.append(meter.total)
    # 990 rules more, each a few calls; 400 devices compared with each would be 400,000.
    assert calls[1] - calls[0] < 25_000


@pytest.mark.parametrize("names", [(None, None, None), (DRIVER, None, None), (None, None, "d3")])
def test_a_rule_that_was_foreseen_changes_many_slices_in_few_steps(names: tuple[str | None, ...]) -> None:
    slices, meter = 500, Meter()
    state = many_slices(slices)
    rule = DeviceTaintRule(Meta("r"), Taint("k", "", "NoSchedule"), DeviceTaintSelector(*names))
    meter.measure(lambda: state.inventory.foresee_rules([rule]))
    assert meter.most < 2_000, meter.where
    assert all(not device.taints for item in state.inventory.effective_slices() for device in item.devices)
    position, before = state.inventory.changes.position, meter.total
    meter.measure(lambda: state.taint([rule]))
    assert meter.total - before < 30 * slices
    assert state.inventory.changes.since(position) is None
    devices = (device for item in state.inventory.effective_slices() for device in item.devices)
    assert sum(bool(device.taints) for device in devices) == (slices if names[2] else 8 * slices)
