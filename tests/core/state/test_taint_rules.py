"""DeviceTaintRules of every version: what they select."""

from typing import Any

import pytest

from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.state.state import State
from app.core.versions import version_named
from tests.objects import DRIVER, device, device_class, node, slice_of

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
