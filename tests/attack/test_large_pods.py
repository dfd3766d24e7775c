"""A Pod as large as the API server admits holds nobody up, whichever part of it is large."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.api.dry_run.detail import Detail, Explainer
from app.api.dry_run.json_answers import MAX_NODE_VERDICTS, VerdictBudget, encoded_nodes
from app.cluster.controllers.requeue_trial import RequeueTrial
from app.core.allocator import Reason
from app.core.allocator.evidence import Evidence, SelectorCount
from app.core.diagnosis import summary
from app.core.diagnosis.misfit import MAX_REASONS
from app.core.dry_run.node_groups import groups_of
from app.core.dry_run.ranking import settle
from app.core.model.parse import parse
from app.core.model.pod import MAX_PREFERENCES, Pod
from app.core.model.workload import Workload
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.api.conftest import Asked
from tests.attack.dear_selectors import MAX_CALLS, NODES
from tests.attack.held import held
from tests.attack.loop_meter import LoopMeter
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of
from tests.pausing import Meter

NUMBER = 3_000
"""Of the entries of what is large: their square is far beyond what one turn may do."""

_EXISTS = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}
_FEW = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}


def containers(number: int, **more: Any) -> list[dict[str, Any]]:
    """Each requests a resource that no other one does."""
    found = []
    for index in range(number):
        amounts = {f"example.com/r{index}": "1"}
        found.append(
            {"name": f"c{index}", "image": "i", "resources": {"requests": amounts, "limits": amounts}} | more
        )
    return found


def affinity(kind: str, when: str, entries: Any) -> dict[str, Any]:
    return {"affinity": {kind: {f"{when}DuringSchedulingIgnoredDuringExecution": entries}}}


SPECS: dict[str, dict[str, Any]] = {
    "containers": {"containers": containers(NUMBER)},
    "sidecars": {"initContainers": containers(NUMBER, restartPolicy="Always")},
    "sidecars and init containers": {
        "initContainers": [*containers(NUMBER, restartPolicy="Always"), *containers(NUMBER)]
    },
    "tolerations": {"tolerations": [{"key": f"k{index}", "operator": "Exists"} for index in range(NUMBER)]},
    "nodeSelector": {"nodeSelector": {f"k{index}": "v" for index in range(NUMBER)}},
    "required terms": affinity("nodeAffinity", "required", {"nodeSelectorTerms": [_EXISTS] * NUMBER}),
    "values of a required term": affinity(
        "nodeAffinity",
        "required",
        {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [
                        {"key": "a", "operator": "NotIn", "values": [f"v{index}" for index in range(NUMBER)]}
                    ]
                }
            ]
        },
    ),
    "requirements of a term": affinity(
        "nodeAffinity",
        "required",
        {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [
                        {"key": f"k{index}", "operator": "DoesNotExist"} for index in range(NUMBER)
                    ]
                }
            ]
        },
    ),
    "preferred terms": affinity("nodeAffinity", "preferred", [{"weight": 1, "preference": _EXISTS}] * NUMBER),
    "preferred Pods": affinity("podAffinity", "preferred", [{"weight": 1, "podAffinityTerm": _FEW}] * NUMBER),
    "soft constraints": {
        "topologySpreadConstraints": [_FEW | {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}] * NUMBER
    },
    "scheduling gates": {"schedulingGates": [{"name": f"g{index}"} for index in range(NUMBER)]},
    "the same claim": {
        "resourceClaims": [{"name": f"e{index}", "resourceClaimName": "cheap"} for index in range(NUMBER)]
    },
    "a claim for devices in use": {
        "resourceClaims": [{"name": f"e{index}", "resourceClaimName": "late"} for index in range(NUMBER)]
    },
    "claims that do not exist": {
        "resourceClaims": [
            {"name": f"e{index}", "resourceClaimName": f"no-{index}"} for index in range(NUMBER)
        ]
    },
    "claims from a template": {
        "resourceClaims": [
            {"name": f"e{index}", "resourceClaimTemplateName": "cheap"} for index in range(NUMBER)
        ]
    },
}


def large(name: str) -> Any:
    raw = pod("large", "cheap")
    raw["spec"] |= SPECS[name]
    return raw


def inventory(folder: Path, *more: Any) -> Path:
    """Nodes with a resident Pod each, a class, claims, a template and ``more``."""
    template: Any = claim("cheap", expression="device.driver == 'gpu.example.com'")
    template = template | {"kind": "ResourceClaimTemplate", "spec": {"spec": template["spec"]}}
    objects: list[Any] = [
        *more,
        device_class(),
        claim("cheap", expression="device.driver == 'gpu.example.com'"),
        claim("late", expression="has(device.attributes['gpu.example.com'].late)"),
        template,
    ]
    for number, name in enumerate(NODES):
        item = node(name)
        item["metadata"]["labels"] = {"kubernetes.io/hostname": name}
        item["spec"] = {"taints": [{"key": "soft", "effect": "PreferNoSchedule"}]}
        devices = [device(f"d{index}", uuid=f"{name}-{index}") for index in range(8)]
        used = [device(f"used-{index}", late="yes") for index in range(8)]
        holder = claim(f"holder-{number}", count=8)
        holder["status"] = {
            "allocation": allocation(name, *(item["name"] for item in used)),
            "reservedFor": [
                {"resource": "pods", "name": f"resident-{number}", "uid": f"uid-resident-{number}"}
            ],
        }
        resident = pod(f"resident-{number}")
        resident["metadata"]["labels"] = {"app": "x"}
        resident["spec"]["nodeName"] = name
        objects += [item, slice_of(name, *devices, *used), resident, holder]
    path = folder / "inventory.json"
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return path


@pytest.mark.parametrize("name", SPECS)
def test_a_large_pod_is_read_with_pauses(name: str) -> None:
    meter = Meter()
    found = meter.measure(lambda: parse(large(name)))
    assert isinstance(found, Pod), found
    assert meter.most < MAX_CALLS, meter.where


@pytest.mark.parametrize("name", SPECS)
def test_a_large_pod_holds_nobody_up(tmp_path: Path, name: str) -> None:
    raw = large(name)
    pending = raw | {"metadata": raw["metadata"] | {"name": "pending", "uid": "uid-pending"}}
    looked_at = ["pods", "pods?evaluate=true", "pods/default/pending/explain", "overview", "claims"]
    asked = {
        "/scheduler/filter": {"Pod": raw, "NodeNames": NODES},
        "/scheduler/prioritize": {"Pod": raw, "NodeNames": NODES},
        "/api/v1/placements": {"pods": [raw], "nodeChecks": True},
        "/api/v1/capacity": {"pod": raw, "limit": 2},
    }

    async def attack(service: Asked) -> None:
        for path, body in asked.items():
            answer = await service.client.post(path, json=body, timeout=60)
            assert answer.status_code in (200, 422, 503), answer.text
        for path in looked_at:
            answer = await service.client.get(f"/api/v1/{path}", timeout=60)
            assert answer.status_code == 200, answer.text

    meter = held(inventory(tmp_path, pending), attack, dry_run_timeout_seconds=5)
    assert meter.most_calls < MAX_CALLS, meter.where


def test_a_large_pod_that_was_refused_is_tried_again_with_pauses(tmp_path: Path) -> None:
    """After each change of the cluster."""
    state, raw, meter = State(), large("a claim for devices in use"), LoopMeter()
    for item in orjson.loads(inventory(tmp_path).read_bytes())["items"]:
        known = parse(item)
        assert not isinstance(known, Workload)
        state.upsert(known)
    pending = parse(raw)
    assert isinstance(pending, Pod)
    rules = Rules(SelectorCache(16), lambda: "share")

    async def tried() -> PodEvaluation:
        with meter.measuring():
            return await asyncio.create_task(RequeueTrial(state, rules).ask(pending))

    assert len(asyncio.run(tried()).missing) == NUMBER
    assert meter.most_calls < MAX_CALLS // 2, meter.where


def test_a_pod_with_many_claims_that_fits_takes_its_devices_with_pauses() -> None:
    number, size, state, meter = 200, 100, State(), Meter()
    raws = [device_class(), node("n1"), pod("p", *(f"c{index}" for index in range(number)))]
    raws += [claim(f"c{index}") for index in range(number)]
    for part in range(number // size):
        devices = [device(f"d{part}-{index}") for index in range(size)]
        raws.append(slice_of("n1", *devices, count=number // size, suffix=f"-{part}"))
    for raw in raws:
        known = parse(raw)
        assert not isinstance(known, Workload)
        state.upsert(known)
    evaluation = PodEvaluation(state, state.pods["default", "p"], Rules(SelectorCache(16), lambda: "share"))
    answer = evaluation.answer("n1")
    meter.measure(lambda: settle(state, evaluation, answer))
    assert len(state.taken) == 1
    assert meter.total > 50 * number
    assert meter.most < 10 * number, meter.where


FULL = Detail.of("full", 1, NODES)
WRITERS: dict[str, Callable[[list[NodeResult]], object]] = {
    "nodes": lambda results: encoded_nodes(results, full=True),
    "groups": lambda results: Explainer(FULL).grouped(groups_of(results, 3), "p", None),
    "summary": lambda results: summary(0, [result.reasons for result in results]),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_reasons_without_end_are_written_with_pauses(writer: str) -> None:
    behind = Evidence(selectors=tuple(SelectorCount(f"selector #{n}", "text", 8) for n in range(4)))
    reasons = tuple(Reason("TooFewDevices", f"text {n}", f"c{n}", "r", {}, behind) for n in range(NUMBER))
    results = [NodeResult(name, "misfit", reasons) for name in NODES[:3]]
    meter = Meter()
    found = meter.measure(lambda: WRITERS[writer](results))
    assert found
    assert not isinstance(found, Exception), found
    assert meter.most < MAX_CALLS, meter.where


def test_a_response_has_so_many_reasons_at_most() -> None:
    reasons = (Reason("NoDevices", "text"),) * MAX_REASONS
    results = [NodeResult(f"n{number}", "misfit", reasons) for number in range(5_000)]
    assert len(VerdictBudget().first(results)) * MAX_REASONS == MAX_NODE_VERDICTS
    assert not VerdictBudget().spend(results)


def test_more_preferences_than_are_weighed_are_left_to_the_scheduler() -> None:
    few, many = pod("few"), pod("many")
    for raw, number in ((few, MAX_PREFERENCES), (many, MAX_PREFERENCES + 1)):
        raw["spec"] |= affinity("nodeAffinity", "preferred", [{"weight": 1, "preference": _EXISTS}] * number)
    weighed, left = parse(few), parse(many)
    assert isinstance(weighed, Pod)
    assert isinstance(left, Pod)
    assert (len(weighed.preferred_affinity), weighed.unweighed) == (MAX_PREFERENCES, False)
    assert (len(left.preferred_affinity), left.unweighed) == (0, True)
