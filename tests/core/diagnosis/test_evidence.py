"""What stands behind a reason, in numbers and names, and the sentence made of it."""

from dataclasses import replace
from typing import Any

import pytest

from app.api.dry_run.json_answers import evidence_json
from app.core.advice.hypothesis import Hypothesis
from app.core.advice.near_misses import MAX_QUESTIONS, near_misses
from app.core.allocator import Reason
from app.core.diagnosis.misfit import MAX_REASONS
from app.core.dry_run.place import place
from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.selectors import CelFeatures, Selector, SelectorCache, cel_features
from tests.core.diagnosis.applying import Situation
from tests.core.diagnosis.inventory import claim, dev, pod, pool, req, shareable
from tests.core.diagnosis.situations import BIG, NUMA, ONE, RED, SLOTS_USED_UP, placed
from tests.objects import DRIVER
from tests.pausing import Meter


def reason(*objects: JsonObject) -> Reason:
    (answer,) = placed(Situation([*ONE, *objects], pod("c"))).answers
    return answer.reasons[-1]


def evidence(*objects: JsonObject) -> dict[str, Any]:
    found = evidence_json(reason(*objects).evidence)
    found.pop("example", None)
    return found


EIGHT = (
    pool(
        "n1",
        *(dev(f"used{i}", memory="80Gi") for i in range(3)),
        *(dev(f"small{i}", memory="40Gi") for i in range(4)),
        dev("bad", "ecc=bad:NoSchedule", memory="80Gi"),
    ),
    claim("train", holds="n1/used0 n1/used1"),
    claim("serve", holds="n1/used2"),
)


def test_a_sentence_says_all_of_it() -> None:
    found = reason(*EIGHT, claim("c", req(where=BIG, count=2)))
    assert found.message == (
        "request r: 8 devices, 2 requested: 1 tainted ecc=bad:NoSchedule, "
        "3 in use by default/train, default/serve, "
        "4 rejected by selector #0 (memory >= 80Gi: the best has 40Gi)"
    )
    assert found.counts == {
        "devices": 8,
        "wanted": 2,
        "available": 0,
        "DevicesInUse": 3,
        "DeviceTainted": 1,
        "SelectorRejected": 4,
        "SelectorRejected claim default/c, request r, selector #0": 4,
    }


def test_holders_are_named_those_of_most_first() -> None:
    holders = evidence(*EIGHT, claim("c", req(where=BIG, count=2)))["holders"]
    assert holders == [
        {"claim": "default/train", "devices": 2, "state": ""},
        {"claim": "default/serve", "devices": 1, "state": ""},
    ]


def test_terms_are_counted_together_and_alone() -> None:
    devices = (
        dev("a", memory="40Gi", colour="red"),
        dev("b", memory="20Gi", colour="red"),
        dev("c", memory="80Gi", colour="blue"),
        dev("d", memory="10Gi", colour="green"),
    )
    (selector,) = evidence(pool("n1", *devices), claim("c", req(where=f"{RED} && {BIG}")))["selectors"]
    assert (selector["where"], selector["devices"]) == ("claim default/c, request r, selector #0", 4)
    terms = {term["text"]: term for term in selector["terms"]}
    big, red = terms["memory >= 80Gi"], terms['colour == "red"']
    assert (big["devices"], big["alone"], big["bound"], big["best"]) == (3, 2, "80Gi", "40Gi")
    assert (red["devices"], red["alone"], red["seen"]) == (2, 1, ["blue"])


@pytest.mark.parametrize(
    ("wish", "best"),
    [
        (f'device.attributes["{DRIVER}"].generation >= 9', "7"),
        (f'device.attributes["{DRIVER}"].generation < 2', "3"),
        (f'9 <= device.attributes["{DRIVER}"].generation', "7"),
        (f'device.capacity["{DRIVER}"].memory.isGreaterThan(quantity("90Gi"))', "80Gi"),
        (f'device.capacity["{DRIVER}"].memory.isLessThan(quantity("1Gi"))', "9Gi"),
        (f'device.attributes["{DRIVER}"].version.compareTo(semver("2.0.0")) >= 0', "1.10.0"),
        (f'semver("2.0.0").compareTo(device.attributes["{DRIVER}"].version) < 0', None),
    ],
)
def test_the_best_there_is_depends_on_what_is_compared(wish: str, best: str | None) -> None:
    devices = [dev("a", memory="9Gi", generation=3), dev("b", memory="80Gi", generation=7)]
    for device, version in zip(devices, ("1.10.0", "1.9.0"), strict=True):
        device["attributes"]["version"] = {"version": version}
    (selector,) = evidence(pool("n1", *devices), claim("c", req(where=wish)))["selectors"]
    assert selector["terms"][0]["best"] == best


class Noting(SelectorCache):
    """Remembers what selectors were compiled for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, CelFeatures] = {}

    def get(self, text: str, features: CelFeatures) -> Selector:
        self.asked[text] = features
        return super().get(text, features)


def test_terms_are_looked_up_for_the_cluster_s_features_as_the_selector_itself_is() -> None:
    wish = claim("c", req(where=f"{RED} && {BIG}"))
    situation = Situation([*ONE, pool("n1", dev("a", colour="blue")), wish], pod("c"))
    state, wanted, rules = situation.parsed()
    features = Features().switched({"ListTypeAttributes": True})
    rules = replace(rules, features=features, selectors=(noting := Noting()))
    assert any(item is not None for item in place(state, [wanted], ["n1"], rules))
    assert {RED, BIG, f"{RED} && {BIG}"} <= noting.asked.keys()
    assert set(noting.asked.values()) == {cel_features(features)}


def test_counters_are_short_by_so_much() -> None:
    found = evidence(*SLOTS_USED_UP, claim("c", req(where=RED)))
    short = {"pool": f"{DRIVER}/n1", "counterSet": "chip", "counter": "slots", "needed": "2", "left": "1"}
    assert found["counters"] == [short]


def test_capacity_is_short_by_so_much() -> None:
    wish = claim("c", req(capacity={"requests": {"memory": "80Gi", "cores": "1"}}))
    found = evidence(pool("n1", shareable(dev("a", memory="40Gi")), shareable(dev("b", memory="20Gi"))), wish)
    assert found["capacities"] == [
        {"name": "cores", "wanted": "1", "best": None, "published": ""},
        {"name": "memory", "wanted": "80Gi", "best": "40Gi", "published": ""},
    ]


def test_the_values_that_a_constraint_has_to_do_with() -> None:
    devices = (dev("a", numa=0), dev("b", numa=1), dev("c", numa=1))
    found = reason(pool("n1", *devices), claim("c", req(count=3), match=NUMA))
    assert evidence_json(found.evidence)["constraints"] == [
        {
            "kind": "matchAttribute",
            "attribute": NUMA,
            "wanted": 3,
            "values": [{"value": "1", "devices": 2}, {"value": "0", "devices": 1}],
            "requests": [],
            "disjoint": False,
        }
    ]
    assert found.message.endswith(
        f"matchAttribute {NUMA} requires 3 devices with the same value, there are 2 with 1, 1 with 0"
    )


def test_near_misses_are_bounded_whatever_the_situation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty claims hold what is wanted, of requests that contradict each other: each level is wide."""
    devices = [dev(f"d{i}", f"t{i}:NoSchedule", numa=i) for i in range(40)]
    holders = [claim(f"h{i}", holds=f"n1/d{i}") for i in range(40)]
    wishes = [req(f"r{i}", where=f"{RED} && {BIG}", count=8) for i in range(4)]
    situation = Situation([*ONE, pool("n1", *devices), *holders, claim("c", *wishes, match=NUMA)], pod("c"))
    found = placed(situation)
    assert found.near_misses == ()
    state, wanted, rules = situation.parsed()
    asked: list[str] = []
    answer = PodEvaluation.answer
    monkeypatch.setattr(PodEvaluation, "answer", lambda self, name: asked.append(name) or answer(self, name))
    assert near_misses(Hypothesis(state, wanted, rules), found.answers) == ()
    assert len(asked) == MAX_QUESTIONS


def test_the_reasons_of_many_claims_grow_with_their_number() -> None:
    def calls(number: int) -> int:
        names = [f"c{index}" for index in range(number)]
        objects = [*ONE, pool("n1", *(dev(f"d{index}") for index in range(8)))]
        situation = Situation([*objects, *(claim(name, req()) for name in names)], pod(*names))
        state, wanted, rules = situation.parsed()
        meter = Meter()
        meter.measure(lambda: [*place(state, [wanted], sorted(state.nodes), rules)])
        return meter.total

    assert calls(800) < 3 * calls(400)


def test_a_node_has_so_many_reasons_at_most() -> None:
    names = [f"c{index}" for index in range(MAX_REASONS + 50)]
    wanting = (claim(name, req(where=RED)) for name in names)
    found = placed(Situation([*ONE, pool("n1", dev("d0", colour="blue")), *wanting], pod(*names)))
    assert [reason.claim for reason in found.answers[0].reasons] == [
        f"default/{name}" for name in names[:MAX_REASONS]
    ]
