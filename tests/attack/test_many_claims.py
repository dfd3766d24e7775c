"""A Pod of many claims that fits, and slices that require much of a node: placed in short steps."""

from typing import Any

from app.core.dry_run.place import place
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.chosen_policy import ANNOTATION
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.core.dry_run.states import state_with
from tests.objects import claim, device, device_class, node, pod, slice_of
from tests.pausing import Meter

CLAIMS, EACH = 1_024, 64
MAX_REQUESTS = 32
MAX_CALLS = 12_000


def _placed(state: State, *claims: str) -> tuple[Any, Meter]:
    wanted, meter, found = parse(pod("p", *claims)), Meter(), list[Any]()
    assert isinstance(wanted, Pod)
    rules = Rules(SelectorCache(), lambda: "share")
    meter.measure(lambda: found.extend(place(state, [wanted], ["n0"], rules)))
    ((answer,),) = [item.answers for item in found]
    assert answer.verdict == "fits", answer.reasons
    return answer, meter


def test_a_pod_of_many_claims_that_fits_is_placed_in_short_steps() -> None:
    slices = [
        slice_of("n0", *(device(f"d{part}-{n}") for n in range(EACH)), count=CLAIMS // EACH, suffix=str(part))
        for part in range(CLAIMS // EACH)
    ]
    names = [f"w{number}" for number in range(CLAIMS)]
    state = state_with(node("n0"), device_class(), *slices, *map(claim, names))
    answer, meter = _placed(state, *names)
    given = [item.device.device for allocation in answer.allocations for item in allocation.devices]
    assert len(given) == len(set(given)) == CLAIMS
    assert meter.most < MAX_CALLS, meter.where


def test_slices_that_require_much_of_a_node_are_joined_in_short_steps() -> None:
    slices = [slice_of("n0", device(f"d{part}"), count=2, suffix=str(part)) for part in range(2)]
    for part, item in enumerate(slices):
        del item["spec"]["nodeName"]
        required = [{"key": "k", "operator": "NotIn", "values": [f"v{part}-{n}", "w"]} for n in range(3_000)]
        item["spec"]["nodeSelector"] = {"nodeSelectorTerms": [{"matchExpressions": required}]}
    both = claim("w")
    both["spec"]["devices"]["requests"][0]["exactly"]["count"] = 2
    answer, meter = _placed(state_with(node("n0"), device_class(), *slices, both), "w")
    (allocation,) = answer.allocations
    (term,) = allocation.node_selector.terms
    values = [item.values[0] for item in term.match_expressions]
    assert values == [f"v{part}-{n}" for part in range(2) for n in range(3_000)]
    assert meter.total < 500_000  # each is compared with none of the others
    assert meter.most < MAX_CALLS, meter.where


def test_the_policy_of_a_pod_of_many_claims_is_looked_up_in_short_steps() -> None:
    options = [{"name": f"o{n}", "deviceClassName": f"c{n}"} for n in range(8)]
    names = [f"w{number}" for number in range(256)]
    claims = [claim(name) for name in names]
    for raw in claims:
        raw["spec"]["devices"]["requests"] = [
            {"name": f"r{n}", "firstAvailable": options} for n in range(MAX_REQUESTS)
        ]
    unknown = [device_class(f"c{n}") for n in range(8)]
    for raw in unknown:
        raw["metadata"]["annotations"] = {ANNOTATION: "no such policy"}
    state, wanted, meter = state_with(node("n0"), *unknown, *claims), parse(pod("p", *names)), Meter()
    assert isinstance(wanted, Pod)
    rules = Rules(SelectorCache(), lambda: "share")
    found = meter.measure(lambda: PodEvaluation(state, wanted, rules))
    assert isinstance(found, PodEvaluation)
    assert found.rules.policy == rules.policy
    assert meter.most < MAX_CALLS, meter.where
