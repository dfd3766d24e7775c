from typing import Any

import pytest

from app.core.dry_run.place import PodPlacement, place
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.decision import Refused, decide
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.state import State
from tests.core.dry_run.states import rules, state_with
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of, template


def cluster(*devices_per_node: int) -> State:
    items = [device_class(), template("t")]
    for index, number in enumerate(devices_per_node):
        items += [node(f"n{index}"), slice_of(f"n{index}", *(device(f"d{i}") for i in range(number)))]
    return state_with(*items)


def pods(number: int, *claims: str) -> list[Pod]:
    made = [parse(pod(f"p{i}", *claims, templates=("t",))) for i in range(number)]
    return [item for item in made if isinstance(item, Pod)]


def run(state: State, wanted: list[Pod], by: Rules | None = None) -> list[PodPlacement]:
    return list(place(state, wanted, sorted(state.nodes), by or rules()))


def nodes_of(placements: list[PodPlacement]) -> list[str | None]:
    return [item.chosen.node if item.chosen else None for item in placements]


def test_each_pod_sees_what_the_earlier_ones_took() -> None:
    placements = run(cluster(1, 1), pods(3))
    assert sorted(nodes_of(placements)[:2], key=str) == ["n0", "n1"]
    assert nodes_of(placements)[2] is None
    assert [answer.verdict for answer in placements[2].answers] == ["misfit", "misfit"]


@pytest.mark.parametrize(
    ("policy", "expected"), [("binpack", ["n0", "n0", "n1"]), ("spread", ["n0", "n1", "n0"])]
)
def test_policies_choose_as_their_names_say(policy: str, expected: list[str]) -> None:
    assert nodes_of(run(cluster(2, 2), pods(3), rules(policy=policy))) == expected


def test_a_shared_claim_pins_later_pods_to_the_first_ones_node() -> None:
    state = cluster(2, 3)
    for item in (claim("shared"),):
        state.upsert(parse(item))  # type: ignore[arg-type]
    placements = run(state, pods(3, "shared"), rules(policy="spread"))
    assert nodes_of(placements) == ["n1", "n1", None]
    assert placements[1].answers[0].reasons[0].code == "ClaimOnOtherNode"


@pytest.mark.parametrize(
    ("devices", "wanted", "expected"),
    [
        pytest.param((2, 3), 2, ["n1", "n1"], id="the fuller node has room for the first Pod only"),
        pytest.param((3, 5), 2, ["n0", "n0"], id="both have room, so the policy decides"),
        pytest.param((2, 3), 3, ["n1", "n1", None], id="no node has room for all, so the most"),
        pytest.param((2, 2), 2, ["n0", None], id="no node has room for another one"),
    ],
)
def test_the_first_user_of_a_claim_goes_where_its_later_users_fit(
    devices: tuple[int, ...], wanted: int, expected: list[str | None]
) -> None:
    state = cluster(*devices)
    state.upsert(parse(claim("shared")))  # type: ignore[arg-type]
    assert nodes_of(run(state, pods(wanted, "shared"), rules(policy="binpack"))) == expected


def test_an_allocated_claim_has_decided_already() -> None:
    state = cluster(2, 3)
    state.upsert(parse(claim("shared")))  # type: ignore[arg-type]
    first, *later = pods(3, "shared")
    run(state, [first], rules(policy="binpack"))
    assert nodes_of(run(state, later, rules(policy="binpack"))) == [None, None]


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("no such claim", lambda state: state.delete("ResourceClaim", ("default", "c")), "ClaimNotFound"),
        (
            "claim being deleted",
            lambda state: _change(state, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
            "ClaimDeleted",
        ),
        ("used by 256 Pods", lambda state: _change(state, status=_reserved(256)), "ClaimInUse"),
        (
            "held on another node",
            lambda state: _change(state, status={"allocation": allocation("far", "d0")}),
            "ClaimOnOtherNode",
        ),
        (
            "a device that needs more of the node",
            lambda state: _change(state, status={"allocation": _demanding()}),
            "NodeUnsuited",
        ),
    ],
)
def test_claims_that_are_not_in_order_refuse_the_pod(name: str, change: Any, code: str) -> None:
    state = cluster(1)
    state.upsert(parse(claim("c")))  # type: ignore[arg-type]
    change(state)
    item = parse(pod("p", "c"))
    assert isinstance(item, Pod)
    answer = PodEvaluation(state, item, rules()).answer("n0")
    assert (answer.verdict, answer.reasons[0].code) == ("misfit", code), name
    assert not answer.curable


def _change(state: State, **parts: dict[str, Any]) -> None:
    raw = claim("c")
    for part, fields in parts.items():
        raw[part] = raw.get(part, {}) | fields
    state.upsert(parse(raw))  # type: ignore[arg-type]


def _demanding() -> dict[str, Any]:
    """An allocation whose device needs the node to know about node operations that are optional."""
    held = allocation("n0", "d0")
    held["devices"]["results"][0]["skipNodeOperations"] = ["Prepare"]
    return held


def test_an_allocation_whose_node_selector_is_broken_is_an_error_and_no_misfit() -> None:
    state = cluster(1)
    held = allocation("n0", "d0")
    held["nodeSelector"]["nodeSelectorTerms"][0]["matchFields"][0]["values"] = ["n0", "n1"]
    _change(state, status={"allocation": held})
    item = parse(pod("p", "c"))
    assert isinstance(item, Pod)
    answer = PodEvaluation(state, item, rules()).answer("n0")
    assert (answer.verdict, answer.reasons[0].code) == ("invalid", "AllocationInvalid")


def test_a_dry_run_without_its_template_says_which_is_missing() -> None:
    state = cluster(1)
    state.delete("ResourceClaimTemplate", ("default", "t"))
    answer = run(state, pods(1))[0].answers[0]
    assert answer.reasons[0].code == "TemplateNotFound"
    assert "default/t" in answer.reasons[0].message


def _reserved(number: int) -> dict[str, Any]:
    consumers = [{"resource": "pods", "name": f"q{i}", "uid": f"v{i}"} for i in range(number)]
    return {"allocation": allocation("n0", "d0"), "reservedFor": consumers}


def test_a_pod_among_the_256_that_share_a_claim_is_not_refused_again() -> None:
    state = cluster(1)
    _change(state, status=_reserved(256))
    item = parse(pod("q7", "c", uid="v7"))
    assert isinstance(item, Pod)
    assert PodEvaluation(state, item, rules()).answer("n0").verdict == "fits"


def test_a_claim_generated_for_another_pod_is_not_used() -> None:
    state = cluster(1)
    raw = claim("p-t")
    raw["metadata"]["ownerReferences"] = [{"kind": "Pod", "name": "p", "uid": "older", "controller": True}]
    state.upsert(parse(raw))  # type: ignore[arg-type]
    asking = pod("p", templates=("t",)) | {
        "status": {"resourceClaimStatuses": [{"name": "t", "resourceClaimName": "p-t"}]}
    }
    item = parse(asking)
    assert isinstance(item, Pod)
    evaluation = PodEvaluation(state, item, rules(generate_claims=False))
    assert evaluation.refusal is not None
    assert evaluation.refusal[1][0].code == "ClaimNotOwned"


def test_a_template_claim_that_is_not_made_yet_is_waited_for() -> None:
    item = parse(pod("p", templates=("t",)))
    assert isinstance(item, Pod)
    refused = decide(cluster(1), item, "n0", rules(generate_claims=False), None)
    assert isinstance(refused, Refused)
    assert "has not been created" in refused.message
    assert not refused.invalid


def test_a_broken_selector_is_invalid_and_names_itself() -> None:
    state = cluster(1)
    state.upsert(parse(device_class(expression="device.attributes[")))  # type: ignore[arg-type]
    answer = run(state, pods(1))[0].answers[0]
    assert answer.verdict == "invalid"
    assert "class gpu" in answer.reasons[0].message


def test_a_misfit_says_how_many_devices_fell_to_what() -> None:
    state = cluster(2)
    run(state, pods(2))
    item = pods(1)[0]
    evaluation = PodEvaluation(state, item, rules())
    answer = evaluation.explained(evaluation.answer("n0"))
    assert answer.reasons[0].code == "DevicesInUse"
    assert answer.reasons[0].counts["DevicesInUse"] == 2


NODE_CHECKS: list[tuple[str, dict[str, Any], dict[str, Any], str | None]] = [
    ("unschedulable", {"spec": {"unschedulable": True}}, {}, "NodeUnschedulable"),
    ("taint", {"spec": {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}}, {}, "NodeTainted"),
    ("soft taint", {"spec": {"taints": [{"key": "k", "effect": "PreferNoSchedule"}]}}, {}, None),
    (
        "tolerated taint",
        {"spec": {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}},
        {"tolerations": [{"key": "k", "operator": "Exists"}]},
        None,
    ),
    ("node selector", {}, {"nodeSelector": {"zone": "a"}}, "NodeSelectorMismatch"),
    (
        "node selector that matches",
        {"metadata": {"name": "n0", "labels": {"zone": "a"}}},
        {"nodeSelector": {"zone": "a"}},
        None,
    ),
    ("another node named", {}, {"nodeName": "elsewhere"}, "NodeName"),
    (
        "too little cpu",
        {"status": {"allocatable": {"cpu": "1", "pods": "10"}}},
        {"cpu": "1500m"},
        "InsufficientResources",
    ),
    ("enough cpu", {"status": {"allocatable": {"cpu": "2", "pods": "10"}}}, {"cpu": "1500m"}, None),
    ("no room for Pods", {"status": {"allocatable": {"cpu": "2", "pods": "0"}}}, {}, "InsufficientResources"),
]


@pytest.mark.parametrize(
    ("name", "node_parts", "spec", "code"), NODE_CHECKS, ids=[case[0] for case in NODE_CHECKS]
)
def test_node_checks(name: str, node_parts: dict[str, Any], spec: dict[str, Any], code: str | None) -> None:
    state = cluster(1)
    state.upsert(parse(node("n0") | node_parts))  # type: ignore[arg-type]
    raw = pod("p", templates=("t",))
    cpu = spec.pop("cpu", None) if "cpu" in spec else None
    raw["spec"] |= spec
    if cpu:
        raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": cpu}}
        spec["cpu"] = cpu
    item = parse(raw)
    assert isinstance(item, Pod)
    answer = PodEvaluation(state, item, rules(node_checks=True)).answer("n0")
    assert [reason.code for reason in answer.reasons] == ([code] if code else []), name
