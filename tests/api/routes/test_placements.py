"""Dry runs over HTTP."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.dry_run import placing
from app.core.json_object import JsonObject
from app.core.model.allocation import read_allocation
from app.core.model.resource_slice import PoolId
from app.core.pauses import pause
from app.core.state.device_views import DeviceViews
from app.core.state.nominations import Nomination
from app.core.state.shown_gates import unread_devices
from app.core.state.state import State
from app.core.versions.kubernetes_version import KubernetesVersion
from tests.api.conftest import Asked, run, serving
from tests.api.placement_objects import OBJECTS, Inventory
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of, template

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLES = REPOSITORY / "examples"


def body(*pods: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"pods": list(pods), **more}


def deployment(replicas: int) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "template": {"spec": pod("x", templates=("t",))["spec"]}},
    }


def test_pods_see_what_the_earlier_ones_took_and_nothing_is_written(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        before = service.app.state.service.state.revision
        answer = await service.post("/api/v1/placements", {"workloads": [deployment(4)]})
        assert (answer["placed"], answer["unplaced"], answer["complete"]) == (3, 1, True)
        last = answer["pods"][3]
        assert last["node"] is None
        assert last["summary"] == "0/2 nodes fit: 2 node(s) had all matching devices in use for request r"
        assert {item["verdict"] for item in last["nodes"]} == {"misfit"}
        first = answer["pods"][0]
        assert first["claims"][0]["podClaim"] == "t"
        assert first["claims"][0]["shared"] is False
        assert first["claims"][0]["allocation"]["devices"]["results"][0]["driver"] == "gpu.example.com"
        assert service.app.state.service.state.revision == before

    run(inventory(*OBJECTS), evaluation)


def test_the_time_limit_after_the_last_pod_takes_nothing_from_the_answer(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All Pods are placed: what follows is a note about slices that the version does not read."""

    def late(version: KubernetesVersion, state: State) -> str:
        time.sleep(0.6)  # beyond the limit below
        pause()
        return unread_devices(version, state)

    monkeypatch.setattr(placing, "unread_devices", late)

    async def evaluation(service: Asked) -> None:
        answer = await service.post("/api/v1/placements", {"workloads": [deployment(4)]})
        assert (answer["placed"], answer["unplaced"], answer["complete"]) == (3, 1, True)

    run(inventory(*OBJECTS), evaluation, dry_run_timeout_seconds=0.5)


def test_every_node_that_fits_says_what_the_pod_would_get_there(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.post("/api/v1/placements", body(pod("p", templates=("t",))))
        nodes = {item["name"]: item for item in answer["pods"][0]["nodes"]}
        assert {item["verdict"] for item in nodes.values()} == {"fits"}
        pools = [item["allocations"][0]["devices"]["results"][0]["pool"] for item in nodes.values()]
        assert pools == ["n1", "n2"]

    run(inventory(*OBJECTS), evaluation)


OVERLAYS: list[tuple[str, dict[str, Any], int]] = [
    ("as it is", {}, 3),
    ("one node drained", {"remove": [{"kind": "Node", "name": "n1"}]}, 1),
    ("a node more", {"objects": [node("n3"), slice_of("n3", device("d0"), device("d1"))]}, 5),
    ("a slice replaced", {"objects": [slice_of("n1", device("d0"))]}, 2),
    ("only one node asked", {"nodes": ["n2"]}, 1),
    ("other nodes by nodeSelector", {"selector": {"zone": "a"}}, 2),
    ("nodeSelector not looked at", {"selector": {"zone": "a"}, "nodeChecks": False}, 3),
    (
        "a taint laid over",
        {
            "objects": [
                {
                    "apiVersion": "resource.k8s.io/v1",
                    "kind": "DeviceTaintRule",
                    "metadata": {"name": "r"},
                    "spec": {"deviceSelector": {"pool": "n1"}, "taint": {"key": "k", "effect": "NoSchedule"}},
                }
            ]
        },
        1,
    ),
]


@pytest.mark.parametrize(("name", "change", "placed"), OVERLAYS, ids=[case[0] for case in OVERLAYS])
def test_what_if(inventory: Inventory, name: str, change: dict[str, Any], placed: int) -> None:
    change = dict(change)
    workload = deployment(6)
    workload["spec"]["template"]["spec"]["nodeSelector"] = change.pop("selector", {})

    async def evaluation(service: Asked) -> None:
        answer = await service.post("/api/v1/placements", {"workloads": [workload], **change})
        assert answer["placed"] == placed, name
        capacity = await service.post("/api/v1/capacity", {"workload": workload, **change})
        assert capacity["fits"] == placed, name
        assert not capacity["capped"]

    run(inventory(*OBJECTS), evaluation)


def test_an_inventory_of_the_request_alone(inventory: Inventory) -> None:
    objects = [node("x"), slice_of("x", device("d")), device_class(), template("t")]

    async def evaluation(service: Asked) -> None:
        wanted = body(pod("p", templates=("t",)), inventory="request", objects=objects)
        answer = await service.post("/api/v1/placements", wanted)
        assert answer["pods"][0]["node"] == "x"

    run(inventory(*OBJECTS), evaluation)


def test_fields_that_are_null_are_not_given(inventory: Inventory) -> None:
    """As a Go program writes the lists that it leaves empty."""
    nothing = (
        "workloads",
        "objects",
        "remove",
        "drain",
        "taints",
        "addNodes",
        "nodes",
        "features",
        "replicas",
    )

    async def evaluation(service: Asked) -> None:
        wanted = body(pod("p", templates=("t",))) | dict.fromkeys(nothing)
        assert (await service.post("/api/v1/placements", wanted))["placed"] == 1
        wanted = {"pod": pod("p", templates=("t",)), "workload": None} | dict.fromkeys(nothing[1:-1])
        assert (await service.post("/api/v1/capacity", wanted))["fits"] > 0
        answer = await service.post("/api/v1/placements", wanted | {"remove": [{"kind": None}]}, 422)
        assert answer["error"]["path"] == "remove[0].kind"

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize("kind", ["application/json", "application/yaml"])
def test_the_task_page_as_it_is(kind: str) -> None:
    page = list(yaml.safe_load_all((EXAMPLES / "dra-task-page.yaml").read_text()))
    job = next(item for item in page if item["kind"] == "Job")
    wanted = {"workloads": [job], "objects": [item for item in page if item["kind"] != "Job"]}

    async def evaluation(service: Asked) -> None:
        answer = await service.client.post(
            "/api/v1/placements",
            content=yaml.safe_dump(wanted) if "yaml" in kind else json.dumps(wanted),
            headers={"Content-Type": kind},
        )
        placed = answer.json()
        assert placed["placed"] == 2
        blue = [item["claims"][1]["allocation"] for item in placed["pods"]]
        assert blue[0] == blue[1]
        assert placed["pods"][0]["claims"][1]["shared"] is True

    run(EXAMPLES / "inventory", evaluation)


NO_SPEC = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
BROKEN = slice_of("n", {"name": 3})
REFUSED: list[tuple[str, Any, int, str]] = [
    ("no Pods", {}, 422, "pods"),
    ("an unknown field", {"pod": []}, 422, "pod"),
    ("a Pod that is none", body({"kind": "Pod"}), 422, "pods[0].apiVersion"),
    (
        "a Pod without a spec",
        body({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}),
        422,
        "pods[0].spec",
    ),
    ("a workload as an object", body(pod("p"), objects=[deployment(1)]), 422, "objects[0]"),
    (
        "a broken slice",
        body(pod("p"), objects=[slice_of("n", {"name": 3})]),
        422,
        "objects[0].spec.devices[0].name",
    ),
    ("a policy that is none", body(pod("p"), policy="best"), 422, "policy"),
    ("a feature that is none", body(pod("p"), features={"Magic": True}), 422, "features"),
    (
        "removing what is not there",
        body(pod("p"), remove=[{"kind": "Node", "name": "n9"}]),
        422,
        "remove[0].name",
    ),
    ("too many Pods", {"workloads": [deployment(10**6)]}, 422, "replicas"),
    ("a list", [], 400, ""),
]


@pytest.mark.parametrize(("name", "wanted", "status", "path"), REFUSED, ids=[case[0] for case in REFUSED])
def test_bad_input_is_told_by_its_path(
    inventory: Inventory, name: str, wanted: Any, status: int, path: str
) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.post("/api/v1/placements", wanted, status)
        assert answer["error"]["path"] == path, name
        assert answer["error"]["message"]

    run(inventory(*OBJECTS), evaluation)


def test_a_body_too_large_is_refused_unread(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.client.post(
            "/api/v1/placements", content=b"x" * 5000, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413

    run(inventory(*OBJECTS), evaluation, api_body_bytes=4096)


def test_dry_runs_too_many_at_a_time_are_told_to_come_back(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        wanted = {"workloads": [deployment(1)]}
        places = service.app.state.service.places
        async with places.place():
            waiting = asyncio.create_task(service.post("/api/v1/placements", wanted))
            await asyncio.sleep(0.1)
            assert places.count == 2
            refused = await service.client.post("/api/v1/placements", json=wanted)
            assert refused.status_code == 429
            assert refused.headers["Retry-After"] == "1"
            # Webhooks are not held up by that.
            await service.post("/scheduler/filter", {"Pod": pod("p"), "NodeNames": ["n1"]})
        assert (await waiting)["placed"] == 1

    run(inventory(*OBJECTS), evaluation, dry_runs=1)


def test_why_a_pod_is_pending(inventory: Inventory) -> None:
    held = claim("c", count=3)

    async def evaluation(service: Asked) -> None:
        answer = await service.get("/api/v1/pods/default/p/explain")
        assert answer["summary"].startswith(
            "0/2 nodes fit: 2 node(s) had too few matching devices for request r"
        )
        assert answer["nodes"][0]["reasons"][0]["counts"]["wanted"] == 3
        missing = await service.get("/api/v1/pods/default/nobody/explain", 404)
        assert "nobody" in missing["error"]["message"]

    run(inventory(*OBJECTS, held, pod("p", "c")), evaluation)


def test_devices_held_for_a_pod_are_not_in_its_own_way(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        held = read_allocation(allocation("n1", "d0", "d1"))
        state = service.app.state.service.state
        state.hold(Nomination(("default", "p"), "uid-p", 0, "n1", ((("default", "c"), held),)))
        verdicts = {}
        for name in ("p", "q"):
            answer = await service.get(f"/api/v1/pods/default/{name}/explain")
            verdicts[name] = [node["verdict"] for node in answer["nodes"]]
        assert verdicts == {"p": ["fits", "misfit"], "q": ["misfit", "misfit"]}

    pods = (pod("p", "c"), pod("q", "d"))
    run(inventory(*OBJECTS, claim("c", count=2), claim("d", count=2), *pods), evaluation)


PENDING: dict[str, tuple[JsonObject, JsonObject, str]] = {
    "a nodeSelector": (
        {"nodeSelector": {"zone": "nowhere"}},
        {},
        "0/2 nodes fit: 2 node(s) did not match the Pod's nodeSelector",
    ),
    "a gate": (
        {"schedulingGates": [{"name": "example.com/quota"}]},
        {},
        "kube-scheduler waits until its scheduling gates are removed (example.com/quota); 2/2 nodes fit",
    ),
    "its end": (
        {},
        {"deletionTimestamp": "2026-01-01T00:00:00Z"},
        "the Pod is being deleted; 2/2 nodes fit",
    ),
}


@pytest.mark.parametrize(("spec", "meta", "says"), PENDING.values(), ids=PENDING)
def test_a_pod_may_be_pending_for_other_reasons_than_devices(
    inventory: Inventory, spec: JsonObject, meta: JsonObject, says: str
) -> None:
    waiting = pod("p", "c")
    waiting["spec"] |= spec
    waiting["metadata"] |= meta

    async def evaluation(service: Asked) -> None:
        answer = await service.get("/api/v1/pods/default/p/explain")
        assert answer["summary"] == says

    run(inventory(*OBJECTS, claim("c"), waiting), evaluation)


def test_lists_in_pages_hold_everything_once(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        names, cursor = [], ""
        while True:
            page = await service.get("/api/v1/devices", limit=1, cursor=cursor)
            names += [f"{item['pool']}/{item['device']}" for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert names == ["n1/d0", "n1/d1", "n2/d0"]
        nodes = await service.get("/api/v1/nodes")
        assert nodes["items"][0]["devices"]["gpu.example.com"]["free"] == 2

    run(inventory(*OBJECTS), evaluation)


def test_pages_of_devices_and_claims_are_in_order_whatever_the_names(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[PoolId] = []
    in_pool = DeviceViews.in_pool
    monkeypatch.setattr(
        DeviceViews, "in_pool", lambda self, pool: (looked_at.append(pool), in_pool(self, pool))[1]
    )
    pools = ("a", "a-b", "a/b", "b")
    slices = [
        slice_of(name, device("x"), device("c"), suffix=str(number)) for number, name in enumerate(pools)
    ]
    claims = [claim(name, namespace=space) for space in ("s", "s-t") for name in ("c2", "c1")]

    async def evaluation(service: Asked) -> None:
        assert await listed(service, "/api/v1/devices", lambda item: f"{item['pool']} {item['device']}") == [
            f"{pool} {name}" for pool in pools for name in ("c", "x")
        ]
        looked_at.clear()
        await service.get("/api/v1/devices", limit=1)
        assert [pool.pool for pool in looked_at] == ["a"]
        found = await listed(service, "/api/v1/claims", lambda item: f"{item['namespace']}/{item['name']}")
        assert found == ["s/c1", "s/c2", "s-t/c1", "s-t/c2"]
        only = await service.get("/api/v1/claims", namespace="s-t")
        assert [item["name"] for item in only["items"]] == ["c1", "c2"]

    run(inventory(node("n1"), *slices, *claims), evaluation)


async def listed(service: Asked, path: str, name: Callable[[dict[str, Any]], str]) -> list[str]:
    names, cursor = [], ""
    while cursor is not None:
        page = await service.get(path, limit=1, cursor=cursor)
        names += [name(item) for item in page["items"]]
        cursor = page["next"]
    return names


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/healthz", "/metrics", "/", "/docs", "/openapi.json", "/web/js/docs.js"]
)
def test_what_is_served_besides(inventory: Inventory, path: str) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.client.get(path)
        assert answer.status_code == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "http://" not in answer.text.replace("http://127.0.0.1", "").replace("http://localhost", "")

    run(inventory(*OBJECTS), evaluation)


wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
real = st.sampled_from([pod("p", templates=("t",)), deployment(2), *OBJECTS])
FIELDS = [
    "pods",
    "workloads",
    "objects",
    "remove",
    "nodes",
    "features",
    "policy",
    "replicas",
    "inventory",
    "explain",
]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A real object with the same value somewhere replaced."""
    value = draw(real)

    def change(part: Any, depth: int) -> Any:
        if depth == 0 or not isinstance(part, dict) or not part:
            return draw(wild)
        key = draw(st.sampled_from(sorted(part)))
        return part | {key: change(part[key], depth - 1)}

    return change(value, draw(st.integers(1, 5)))


def test_whatever_is_sent_there_is_no_500(inventory: Inventory) -> None:
    path = inventory(*OBJECTS)

    async def ask(wanted: Any) -> list[int]:
        async with serving(path) as service:
            answers = [await service.send(f"/api/v1/{verb}", wanted) for verb in ("placements", "capacity")]
            return [answer.status_code for answer in answers]

    @settings(max_examples=80)
    @given(
        st.dictionaries(
            st.sampled_from(FIELDS),
            wild | st.lists(mutated(), max_size=3) | mutated(),
            max_size=4,
        )
        | wild
    )
    def check(wanted: Any) -> None:
        assert all(status in (200, 400, 422) for status in asyncio.run(ask(wanted)))

    check()


def test_a_node_that_does_not_exist_and_names_twice_are_wrong_input(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        one = pod("p", templates=("t",))
        answer = await service.post("/api/v1/placements", {"pods": [one], "nodes": ["n1", "nope"]}, 422)
        assert answer["error"] == {"code": "NotFound", "message": "Node nope not found", "path": "nodes[1]"}
        answer = await service.post("/api/v1/placements", {"pods": [one, one]}, 422)
        assert answer["error"] == {
            "code": "InvalidObject",
            "message": "Pod default/p is also pods[0]",
            "path": "pods[1].metadata.name",
        }

    run(inventory(*OBJECTS), evaluation)
