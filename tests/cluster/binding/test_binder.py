"""Binds against the fake API server: what is written, and what is left when something goes wrong."""

import asyncio
import datetime as dt
from typing import Any

import pytest

from app.cluster.binding.memory_binder import MemoryBinder
from app.core.model import parse as reading
from app.core.model.parse import parse
from app.core.model.resource_claim import FINALIZER, ClaimSpec, ResourceClaim, read_claim
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.cluster.binding.cluster import DRA, Cluster, cluster, conditional, names, on, reserved, tell
from tests.cluster.fake_apiserver import Call, Fault
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of

NOW = "2026-11-23T10:00:00Z"
PODS_OF_FOUR = tuple(pod(f"p{i}", f"c{i}") for i in range(4))


@in_virtual_time
async def test_a_bound_pod_has_its_claim_written_in_the_safe_order() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    assert await made.bind("p") is None
    written = made.claim("c")
    assert names(written) == ["d0"]
    assert reserved(written) == ["p"]
    assert written["metadata"]["finalizers"] == [FINALIZER]
    assert written["status"]["allocation"]["allocationTimestamp"] == NOW
    assert made.pod("p")["spec"]["nodeName"] == "n1"
    assert made.writes() == ["PATCH c", "PATCH status", "POST binding"]
    await asyncio.sleep(1)
    assert made.state.assumed == {}
    assert {name for pool in made.state.taken.values() for name in pool.whole} == {"d0"}
    await made.stop()


@in_virtual_time
async def test_a_claim_that_has_the_finalizer_costs_one_write_less() -> None:
    protected = claim("c")
    protected["metadata"]["finalizers"] = ["example.com/x", FINALIZER]
    made = await cluster(protected, pods=(pod("p", "c"),))
    assert await made.bind("p") is None
    assert made.writes() == ["PATCH status", "POST binding"]
    assert made.claim("c")["metadata"]["finalizers"] == ["example.com/x", FINALIZER]
    await made.stop()


@in_virtual_time
async def test_a_failed_attempt_removes_the_finalizer_so_that_no_late_write_of_it_is_applied() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    made.server.faults.append(Fault(on("POST", "binding"), status=500))
    assert await made.bind("p") is not None
    assert FINALIZER not in made.claim("c")["metadata"].get("finalizers", ())
    assert made.writes() == ["PATCH c", "PATCH status", "POST binding", "PATCH status", "PATCH c"]
    assert await made.bind("p") is None
    assert made.writes()[5:] == ["PATCH c", "PATCH status", "POST binding"]
    await made.stop()


@in_virtual_time
async def test_each_version_that_a_bind_makes_of_a_claim_is_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = await cluster(*(claim(f"c{i}") for i in range(4)), devices=4, pods=PODS_OF_FOUR)
    read: list[str] = []

    def reads(raw: Any, spec: ClaimSpec | None = None) -> ResourceClaim:
        read.append(f"{raw['metadata']['name']} {raw['metadata']['resourceVersion']}")
        return read_claim(raw, spec)

    monkeypatch.setattr(reading, "read_claim", reads)
    assert [await made.bind(f"p{i}") for i in range(4)] == [None] * 4
    await asyncio.sleep(1)
    assert sorted(read) == sorted(set(read))
    assert len(read) == 2 * 4


@in_virtual_time
async def test_a_pod_without_claims_costs_one_request() -> None:
    made = await cluster(pods=(pod("p"),))
    assert await made.bind("p") is None
    assert made.writes() == ["POST binding"]
    await made.stop()


@in_virtual_time
async def test_claims_of_one_pod_are_written_side_by_side() -> None:
    made = await cluster(claim("c"), claim("d"), pods=(pod("p", "c", "d"),))
    made.server.faults.append(Fault(lambda call: call.method == "PATCH", times=4, delay=1.0))
    started = asyncio.get_running_loop().time()
    assert await made.bind("p") is None
    # Finalizers together, then statuses together: two seconds, not four.
    assert asyncio.get_running_loop().time() - started == pytest.approx(2.0, abs=0.1)
    assert made.writes()[-1] == "POST binding"
    await made.stop()


@in_virtual_time
async def test_a_claim_that_its_pod_names_twice_is_written_once() -> None:
    twice = pod("p", "c")
    twice["spec"]["resourceClaims"].append({"name": "again", "resourceClaimName": "c"})
    made = await cluster(claim("c"), pods=(twice,))
    assert await made.bind("p") is None
    assert names(made.claim("c")) == ["d0"]
    assert reserved(made.claim("c")) == ["p"]
    assert made.writes() == ["PATCH c", "PATCH status", "POST binding"]
    await asyncio.sleep(1)
    assert made.state.assumed == {}
    assert {name for pool in made.state.taken.values() for name in pool.whole} == {"d0"}
    await made.stop()


@in_virtual_time
async def test_if_one_of_two_claims_cannot_be_written_the_other_is_given_back() -> None:
    made = await cluster(claim("c"), claim("d"), pods=(pod("p", "c", "d"),))
    made.server.faults.append(
        Fault(lambda call: call.method == "PATCH" and "/d" in call.path, status=500, reason="InternalError")
    )
    assert await made.bind("p") is not None
    for name in ("c", "d"):
        assert names(made.claim(name)) == []
        assert reserved(made.claim(name)) == []
    assert made.state.taken == {}
    await made.stop()


@in_virtual_time
async def test_binds_at_the_same_time_never_take_one_device() -> None:
    claims = [claim(f"c{i}") for i in range(6)]
    made = await cluster(*claims, devices=4, pods=tuple(pod(f"p{i}", f"c{i}") for i in range(6)))
    made.server.faults.append(Fault(lambda call: call.method == "PATCH", times=float("inf"), delay=0.5))
    errors = await asyncio.gather(*(made.bind(f"p{i}") for i in range(6)))
    assert [error is None for error in errors] == [True] * 4 + [False] * 2
    assert sorted(name for i in range(4) for name in names(made.claim(f"c{i}"))) == ["d0", "d1", "d2", "d3"]
    assert "in use" in str(errors[5])
    await made.stop()


@in_virtual_time
async def test_pods_that_share_a_claim_are_all_reserved() -> None:
    made = await cluster(claim("c"), pods=tuple(pod(f"p{i}", "c") for i in range(4)))
    errors = await asyncio.gather(*(made.bind(f"p{i}") for i in range(4)))
    assert errors == [None] * 4
    assert sorted(reserved(made.claim("c"))) == ["p0", "p1", "p2", "p3"]
    assert names(made.claim("c")) == ["d0"]
    assert made.binder.writer.conflicts == 0
    await made.stop()


FAILURES = [
    ("finalizer refused", Fault(on("PATCH", "resourceclaims/c"), status=500)),
    ("status refused", Fault(on("PATCH", "c/status"), status=500)),
    ("status cut before", Fault(on("PATCH", "c/status"), cut="before")),
    ("status done, answer lost", Fault(on("PATCH", "c/status"), cut="after")),
    ("second claim refused", Fault(on("PATCH", "d/status"), status=403)),
    ("binding refused", Fault(on("POST", "binding"), status=500)),
    ("binding cut before", Fault(on("POST", "binding"), cut="before")),
]


@pytest.mark.parametrize(("name", "fault"), FAILURES, ids=[name for name, _ in FAILURES])
def test_a_failed_bind_leaves_nothing_and_can_be_tried_again(name: str, fault: Fault) -> None:
    in_virtual_time(_fail_then_succeed)(name, fault)


async def _fail_then_succeed(name: str, fault: Fault) -> None:
    made = await cluster(claim("c"), claim("d"), pods=(pod("p", "c", "d"),))
    made.server.faults.append(fault)
    error = await made.bind("p")
    assert error is not None, name
    await asyncio.sleep(1)
    for item in (made.claim("c"), made.claim("d")):
        assert names(item) == []
        assert reserved(item) == []
    assert made.state.taken == {}
    assert made.state.assumed == {}
    assert await made.bind("p") is None
    assert names(made.claim("c")) + names(made.claim("d")) == ["d0", "d1"]
    await made.stop()


@pytest.mark.parametrize("status", [0, 500, 504])
@in_virtual_time
async def test_a_binding_whose_answer_was_lost_is_found_to_be_made(status: int) -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    made.server.faults.append(Fault(on("POST", "binding"), cut="after", status=status))
    assert await made.bind("p") is None
    assert reserved(made.claim("c")) == ["p"]
    await made.stop()


@in_virtual_time
async def test_nothing_is_undone_while_it_is_not_known_whether_the_pod_is_bound() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    made.server.faults.append(Fault(on("POST", "binding"), cut="after"))
    made.server.faults.append(Fault(on("GET", "pods/p"), times=float("inf"), status=503))
    error = await made.bind("p")
    assert error is not None
    assert "unknown" in error
    assert reserved(made.claim("c")) == ["p"]
    assert made.binder.results["unknown"] == 1
    await asyncio.sleep(1)
    assert {name for pool in made.state.taken.values() for name in pool.whole} == {"d0"}
    await made.stop()


@in_virtual_time
async def test_a_harmless_change_by_others_is_refetched_and_kept() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    made.server.frozen = True  # the watch is behind
    raw = made.claim("c")
    made.server.put(DRA, "resourceclaims", raw | {"metadata": raw["metadata"] | {"labels": {"team": "a"}}})
    assert await made.bind("p") is None
    assert made.binder.writer.conflicts == 1
    assert made.claim("c")["metadata"]["labels"] == {"team": "a"}
    assert names(made.claim("c")) == ["d0"]
    made.server.frozen = False
    await made.stop()


@in_virtual_time
async def test_a_claim_allocated_by_somebody_else_is_never_overwritten() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    made.server.frozen = True
    foreign = allocation("n1", "d1")
    made.server.put(DRA, "resourceclaims", made.claim("c") | {"status": {"allocation": foreign}})
    error = await made.bind("p")
    assert error is not None
    assert "another allocator" in error
    assert names(made.claim("c")) == ["d1"]
    assert reserved(made.claim("c")) == []
    assert made.binder.results["conflict"] == 1
    made.server.frozen = False
    await made.stop()


@in_virtual_time
async def test_fields_that_are_not_known_here_survive_the_write() -> None:
    raw = claim("c")
    raw["spec"]["future"] = {"kept": True}
    made = await cluster(raw, pods=(pod("p", "c"),))
    assert await made.bind("p") is None
    assert made.claim("c")["spec"]["future"] == {"kept": True}
    await made.stop()


@pytest.mark.parametrize("known", [True, False])
@in_virtual_time
async def test_pods_are_bound_together_by_requests_without_their_uids(known: bool) -> None:
    made = await cluster(claim("c"), claim("d"), pods=(pod("p", "c"), pod("q", "d")))
    if not known:
        made.state.pods.clear()
    made.server.faults.append(Fault(on("POST", "binding"), times=2, delay=1))
    binds = [asyncio.create_task(made.binder.bind("default", name, "", "n1")) for name in ("p", "q")]
    await asyncio.sleep(0.5)
    under_way = [made.binder.under_way(made.pod(name)["metadata"]["uid"]) for name in ("p", "q")]
    assert under_way == (["n1"] * 2 if known else [None] * 2)
    assert await asyncio.gather(*binds) == [None, None]
    await made.stop()


@in_virtual_time
async def test_a_pod_that_was_deleted_and_made_anew_is_not_bound() -> None:
    made = await cluster(pods=(pod("p"),))
    error = await made.binder.bind("default", "p", "uid-of-the-older", "n1")
    assert error is not None
    assert "created again" in error
    assert made.writes() == []
    await made.stop()


@in_virtual_time
async def test_a_pod_unknown_to_the_watch_is_asked_for() -> None:
    made = await cluster(claim("c"))
    made.server.frozen = True
    made.server.put("v1", "pods", pod("p", "c"))
    assert await made.bind("p") is None
    assert made.pod("p")["spec"]["nodeName"] == "n1"
    made.server.frozen = False
    await made.stop()


@in_virtual_time
async def test_a_released_claim_frees_its_devices_in_the_index() -> None:
    made = await cluster(claim("c"), claim("d"), devices=1, pods=(pod("p", "c"), pod("q", "d")))
    assert await made.bind("p") is None
    assert await made.bind("q") is not None
    made.server.put(DRA, "resourceclaims", made.claim("c") | {"status": {}})
    await asyncio.sleep(1)
    assert await made.bind("q") is None
    await made.stop()


@in_virtual_time
async def test_a_broken_slice_closes_its_pool_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    raw = slice_of("n1", device("d0"))
    raw["spec"]["devices"][0]["attributes"] = "none"
    made.server.put(DRA, "resourceslices", raw)
    await asyncio.sleep(1)
    assert caplog.messages == [
        "object ignored: ResourceSlice n1-slice: spec.devices[0].attributes: must be an object, not a string"
    ]
    assert await made.bind("p") is not None
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(1)
    assert await made.bind("p") is None
    await made.stop()


@in_virtual_time
async def test_a_claim_that_cannot_be_read_still_holds_its_devices() -> None:
    made = await cluster(claim("c"), claim("d"), devices=1, pods=(pod("q", "d"),))
    broken = made.claim("c") | {
        "spec": {"devices": {"requests": "none"}},
        "status": {"allocation": allocation("n1", "d0")},
    }
    made.server.put(DRA, "resourceclaims", broken)
    await asyncio.sleep(1)
    error = await made.bind("q")
    assert error is not None
    assert "in use" in error
    await made.stop()


def test_in_memory_a_bind_is_seen_by_the_next() -> None:
    state = State()
    for raw in (
        node("n1"),
        device_class(),
        slice_of("n1", device("d0")),
        claim("c"),
        claim("d"),
        pod("p", "c"),
        pod("q", "d"),
    ):
        state.upsert(parse(raw))  # type: ignore[arg-type]
    binder = MemoryBinder(state, Rules(SelectorCache(), lambda: "s"), now=lambda: NOW)

    async def both() -> tuple[str | None, str | None]:
        return (
            await binder.bind("default", "p", "uid-p", "n1"),
            await binder.bind("default", "q", "uid-q", "n1"),
        )

    first, second = asyncio.run(both())
    assert first is None
    assert second is not None
    assert state.pods["default", "p"].node_name == "n1"
    assert binder.results == {"bound": 1, "misfit": 1}


async def waiting() -> Cluster:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    made.server.put(DRA, "resourceslices", conditional())
    await asyncio.sleep(1)
    return made


@in_virtual_time
async def test_a_bind_waits_for_the_device_to_be_attached() -> None:
    made = await waiting()
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(2)
    assert not made.pod("p")["spec"].get("nodeName")
    tell(made, "attached", "True")
    assert await bind is None
    assert made.pod("p")["spec"]["nodeName"] == "n1"
    await made.stop()


@in_virtual_time
async def test_a_device_that_takes_longer_than_one_bind_is_waited_for_by_the_next() -> None:
    made = await waiting()
    error = await made.bind("p")
    assert error is not None
    assert "waiting for devices" in error
    assert names(made.claim("c")) == ["d0"]
    assert reserved(made.claim("c")) == ["p"]
    tell(made, "attached", "True")
    assert await made.bind("p") is None
    await made.stop()


@in_virtual_time
async def test_a_device_that_cannot_be_attached_frees_the_claim() -> None:
    made = await waiting()
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(1)
    tell(made, "broken", "True")
    error = await bind
    assert error is not None
    assert "failed to become ready" in error
    assert names(made.claim("c")) == []
    assert reserved(made.claim("c")) == []
    await made.stop()


@in_virtual_time
async def test_a_clock_that_is_set_back_makes_no_bind_wait_for_longer_than_kube_scheduler_does() -> None:
    made = await waiting()
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(1)
    made.wall.off = -dt.timedelta(hours=1)
    began = asyncio.get_running_loop().time()
    assert "waiting for devices" in str(await bind)
    assert asyncio.get_running_loop().time() - began < 30
    assert names(made.claim("c")) == ["d0"]
    tell(made, "attached", "True")
    assert await made.bind("p") is None
    await made.stop()


@in_virtual_time
async def test_a_clock_that_is_set_forward_frees_a_claim_too_early_and_loses_nothing() -> None:
    made = await waiting()
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(1)
    made.wall.off = dt.timedelta(hours=1)
    assert "device binding timeout" in str(await bind)  # as in-tree
    assert (names(made.claim("c")), reserved(made.claim("c"))) == ([], [])
    assert not made.pod("p")["spec"].get("nodeName")
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(1)
    assert names(made.claim("c")) == ["d0"]
    tell(made, "attached", "True")
    assert await bind is None
    await made.stop()


@in_virtual_time
async def test_a_finalizer_that_somebody_else_took_off_during_the_undo_is_no_trouble(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    made.server.faults.append(Fault(on("POST", "binding"), status=500))

    def take_off(call: Call) -> bool:
        # kube-controller-manager's part, just before our own patch arrives.
        raw = made.claim("c")
        ours = call.method == "PATCH" and call.path.endswith("c/status") and b"remove" in call.body
        if ours and raw["metadata"].get("finalizers"):
            metadata = {key: value for key, value in raw["metadata"].items() if key != "finalizers"}
            made.server.put(DRA, "resourceclaims", raw | {"metadata": metadata})
        return False

    made.server.faults.append(Fault(take_off))
    assert await made.bind("p") is not None
    assert caplog.messages == []
    assert names(made.claim("c")) == []
    assert await made.bind("p") is None
    await made.stop()


@in_virtual_time
async def test_of_many_binds_the_first_is_done_before_the_last_begins() -> None:
    """Side by side they would all be done at the end, and each write would wait for those of all others."""
    claims = [claim(f"c{i}") for i in range(80)]
    made = await cluster(*claims, devices=80, pods=tuple(pod(f"p{i}", f"c{i}") for i in range(80)))
    made.server.faults.append(Fault(lambda call: call.method != "GET", times=float("inf"), delay=0.5))
    assert await asyncio.gather(*(made.bind(f"p{i}") for i in range(80))) == [None] * 80
    writes = made.writes()
    assert writes.index("PATCH c31") < writes.index("PATCH status") < writes.index("PATCH c32")
    assert writes.index("POST binding") < writes.index("PATCH c79")
    assert len({name for i in range(80) for name in names(made.claim(f"c{i}"))}) == 80
    await made.stop()
