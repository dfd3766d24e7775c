"""The life of a claim around a bind, where others act on it, its Pod or the API server meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.cluster.client.errors import TooManyRequestsError
from app.cluster.client.retrying import RetryingClient
from app.core.model.resource_claim import FINALIZER, MAX_RESERVED_FOR
from tests.cluster.binding.cluster import DRA, Cluster, cluster, names, on, reserved
from tests.cluster.fake_apiserver import Call, Fault
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, device, pod, slice_of, template

Act = Callable[[Cluster], None]


def delete_pod(made: Cluster) -> None:
    made.server.remove("v1", "pods", "p", "default")


def begin_deleting_pod(made: Cluster) -> None:
    raw = made.pod("p")
    made.server.put("v1", "pods", raw | {"metadata": raw["metadata"] | {"finalizers": ["example.com/x"]}})
    made.server.remove("v1", "pods", "p", "default")


def remake_pod(made: Cluster) -> None:
    delete_pod(made)
    made.server.put("v1", "pods", pod("p", "c"))


def delete_claim(made: Cluster) -> None:
    made.server.remove(DRA, "resourceclaims", "c", "default")


def remake_claim(made: Cluster) -> None:
    delete_claim(made)
    made.server.put(DRA, "resourceclaims", claim("c"))


def bind_elsewhere(made: Cluster) -> None:
    raw = made.pod("p")
    made.server.put("v1", "pods", raw | {"spec": raw["spec"] | {"nodeName": "n2"}})


def meanwhile(made: Cluster, method: str, end: str, act: Act) -> None:
    """Acts right before a request arrives."""
    done: list[Call] = []

    def matches(call: Call) -> bool:
        if not done and on(method, end)(call):
            done.append(call)
            act(made)
        return False

    made.server.faults.append(Fault(matches))


@pytest.mark.parametrize(
    ("act", "method", "end"),
    [
        pytest.param(delete_pod, "POST", "binding", id="the Pod is deleted before its binding"),
        pytest.param(delete_pod, "PATCH", "c/status", id="the Pod is deleted before the allocation"),
        pytest.param(begin_deleting_pod, "POST", "binding", id="the Pod's deletion begins"),
        pytest.param(remake_pod, "POST", "binding", id="the Pod is deleted and made anew"),
        pytest.param(bind_elsewhere, "POST", "binding", id="somebody else binds the Pod"),
        pytest.param(delete_claim, "PATCH", "resourceclaims/c", id="the claim is deleted"),
        pytest.param(remake_claim, "PATCH", "resourceclaims/c", id="the claim is made anew"),
        pytest.param(delete_claim, "PATCH", "c/status", id="the claim's deletion begins"),
    ],
)
@in_virtual_time
async def test_what_goes_away_during_a_bind_leaves_no_device_taken(
    act: Act, method: str, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    meanwhile(made, method, end, act)
    assert await made.bind("p") is not None
    await asyncio.sleep(1)
    left = made.server.store.select(("resource.k8s.io", "resourceclaims"))
    assert [(names(item), reserved(item)) for item in left] in ([], [([], [])])
    assert made.state.taken == {}
    assert made.state.assumed == {}
    assert caplog.messages == []
    await made.stop()


@in_virtual_time
async def test_a_template_s_claim_that_is_made_anew_is_bound_as_the_new_one() -> None:
    raw = pod("p", templates=("t",))
    raw["status"] = {"resourceClaimStatuses": [{"name": "t", "resourceClaimName": "p-t-1"}]}
    made = await cluster(pods=(raw,))
    made.server.put(DRA, "resourceclaimtemplates", template("t"))
    assert "does not exist yet" in str(await made.bind("p"))
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "controller": True}
    owner["uid"] = made.pod("p")["metadata"]["uid"]

    def generate() -> None:
        generated = claim("p-t-1")
        generated["metadata"]["ownerReferences"] = [owner]
        made.server.put(DRA, "resourceclaims", generated)

    generate()
    await asyncio.sleep(1)
    made.server.faults.append(Fault(on("POST", "binding"), status=500))
    assert await made.bind("p") is not None
    # kube-controller-manager takes the finalizer off a claim without users that is deleted.
    left = made.claim("p-t-1")
    bare = {key: value for key, value in left["metadata"].items() if key != "finalizers"}
    made.server.put(DRA, "resourceclaims", left | {"metadata": bare})
    made.server.remove(DRA, "resourceclaims", "p-t-1", "default")
    generate()
    await asyncio.sleep(1)
    assert await made.bind("p") is None
    assert reserved(made.claim("p-t-1")) == ["p"]
    await made.stop()


@in_virtual_time
async def test_a_pod_claim_that_needs_no_claim_is_no_obstacle() -> None:
    raw = pod("p", templates=("t",))
    raw["status"] = {"resourceClaimStatuses": [{"name": "t", "resourceClaimName": None}]}
    made = await cluster(pods=(raw,))
    assert await made.bind("p") is None
    assert made.writes() == ["POST binding"]
    await made.stop()


@in_virtual_time
async def test_the_256th_pod_shares_a_claim_and_the_257th_is_told_why_not() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"), pod("q", "c")))
    users = [
        {"resource": "pods", "name": f"x{number}", "uid": f"x{number}"}
        for number in range(MAX_RESERVED_FOR - 1)
    ]
    status = {"allocation": allocation("n1", "d0"), "reservedFor": users}
    made.server.put(DRA, "resourceclaims", made.claim("c") | {"status": status})
    await asyncio.sleep(1)
    assert await made.bind("p") is None
    assert len(reserved(made.claim("c"))) == MAX_RESERVED_FOR
    assert f"in use by {MAX_RESERVED_FOR} Pods" in str(await made.bind("q"))
    await made.stop()


@pytest.mark.parametrize("how", ["finished", "deleted"])
@in_virtual_time
async def test_devices_are_free_in_the_index_with_the_event_that_frees_them(how: str) -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    assert await made.bind("p") is None
    await asyncio.sleep(1)
    assert made.state.taken
    if how == "finished":
        made.server.put(DRA, "resourceclaims", made.claim("c") | {"status": {}})
    else:
        raw = made.claim("c")
        metadata = {key: value for key, value in raw["metadata"].items() if key != "finalizers"}
        made.server.put(DRA, "resourceclaims", raw | {"metadata": metadata})
        delete_claim(made)
    await asyncio.sleep(0.01)
    assert made.state.taken == {}
    await made.stop()


@pytest.mark.parametrize("effect", ["NoExecute", "NoSchedule"])
@pytest.mark.parametrize("by_rule", [True, False], ids=["DeviceTaintRule", "slice"])
@in_virtual_time
async def test_a_tainted_device_is_not_given_away_until_the_taint_is_gone(effect: str, by_rule: bool) -> None:
    made = await cluster(claim("c"), devices=1, pods=(pod("p", "c"),))
    taint = {"key": "example.com/broken", "effect": effect}
    slices = made.server.store.select(("resource.k8s.io", "resourceslices"))
    if by_rule:
        rule = {"metadata": {"name": "broken"}, "spec": {"deviceSelector": {"pool": "n1"}, "taint": taint}}
        kind: dict[str, Any] = {"apiVersion": DRA, "kind": "DeviceTaintRule"}
        made.server.put(DRA, "devicetaintrules", kind | rule)
    else:
        spec = slices[0]["spec"]
        devices = [spec["devices"][0] | {"taints": [taint]}]
        made.server.put(DRA, "resourceslices", slices[0] | {"spec": spec | {"devices": devices}})
    await asyncio.sleep(1)
    assert "taint" in str(await made.bind("p"))
    if by_rule:
        made.server.remove(DRA, "devicetaintrules", "broken")
    else:
        made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(1)
    assert await made.bind("p") is None
    await made.stop()


@pytest.mark.parametrize(
    ("method", "end"),
    [
        ("PATCH", "resourceclaims/c"),
        ("PATCH", "c/status"),
        ("POST", "binding"),
    ],
)
@in_virtual_time
async def test_a_bind_waits_for_an_api_server_that_is_too_busy(method: str, end: str) -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    made.server.faults.append(Fault(on(method, end), times=2, status=429, retry_after=3))
    started = asyncio.get_running_loop().time()
    assert await made.bind("p") is None
    assert asyncio.get_running_loop().time() - started == pytest.approx(6, abs=0.1)
    assert made.claim("c")["metadata"]["finalizers"] == [FINALIZER]
    await made.stop()


@in_virtual_time
async def test_patience_ends_before_kube_scheduler_s_does() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    busy = Fault(on("GET", "pods/p"), times=float("inf"), status=429)
    made.server.faults.append(busy)
    started = asyncio.get_running_loop().time()
    with pytest.raises(TooManyRequestsError):
        await RetryingClient(made.client, seconds=5).get("/api/v1/namespaces/default/pods/p")
    assert asyncio.get_running_loop().time() - started == pytest.approx(5, abs=0.1)
    busy.retry_after = 60
    with pytest.raises(TooManyRequestsError):
        await RetryingClient(made.client, seconds=5).get("/api/v1/namespaces/default/pods/p")
    assert asyncio.get_running_loop().time() - started == pytest.approx(5, abs=0.1)
    await made.stop()
