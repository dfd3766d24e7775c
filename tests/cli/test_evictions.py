"""A plan is carried out step by step, and each surprise ends it."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.cli.evictions import ANNOTATION, Pace, SurpriseError, carry_out, evict
from app.cli.problems import Exit
from app.cluster.client.client import ApiClient
from app.cluster.client.errors import ForbiddenError
from app.core.json_object import JsonObject
from tests.cluster.fake_apiserver import Call, FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.packed import running

MOVES: list[JsonObject] = [
    {"namespace": "default", "name": name, "uid": name, "from": "n1", "to": "n2", "claims": []}
    for name in ("x", "y")
]
PATH = "/api/v1/namespaces/default/pods/x"


class Cluster:
    """An API server with Pod x on n1, and what its controller, scheduler and kubelet do after an eviction."""

    def __init__(self, **successor: Any) -> None:
        self.server = FakeApiServer()
        made = self.server.put("v1", "pods", running("x", "n1", "a")[0])
        self._move = MOVES[0] | {"uid": made["metadata"]["uid"]}
        self._successor: JsonObject = {"node": "n2", "phase": "Running"} | successor
        self.server.before_each = self._react
        self.client = ApiClient("http://fake", InMemoryTransport(self.server))

    async def evict(self, **move: Any) -> str:
        return await evict(self.client, self._move | move, Pace(timeout_seconds=20))

    def requests(self) -> list[tuple[str, str]]:
        return [(call.method, call.path) for call in self.server.calls if call.method != "GET"]

    def annotation(self) -> str | None:
        for item in self.server.store.select(("", "pods")):
            if item["metadata"]["name"] == "x":
                return (item["metadata"].get("annotations") or {}).get(ANNOTATION)
        return None

    def _react(self, call: Call) -> None:
        evicted = ("POST", f"{PATH}/eviction") in self.requests()
        names = {item["metadata"]["name"] for item in self.server.store.select(("", "pods"))}
        if evicted and call.method == "GET" and "x-2" not in names and self._successor["node"] is not None:
            made = running("x-2", self._successor["node"], "a")[0]
            self.server.put("v1", "pods", made | {"status": {"phase": self._successor["phase"]}})


@in_virtual_time
async def test_the_pod_is_annotated_evicted_and_waited_for() -> None:
    cluster = Cluster()
    annotated: list[str | None] = []
    react = cluster.server.before_each

    def see(call: Call) -> None:
        if call.path.endswith("/eviction"):
            annotated.append(cluster.annotation())
        react(call)

    cluster.server.before_each = see
    assert await cluster.evict() == "x-2"
    assert cluster.requests() == [("PATCH", PATH), ("POST", f"{PATH}/eviction")]
    assert annotated == ["n2"]


@pytest.mark.parametrize(
    ("successor", "text"),
    [
        ({"node": "n3"}, "its successor x-2 was placed on n3, not on n2"),
        ({"phase": "Failed"}, "its successor x-2 failed on n2"),
        ({"phase": "Pending"}, "no successor ran on n2 within 20 s"),
        ({"node": ""}, "no successor ran on n2 within 20 s"),
        ({"node": None}, "no successor ran on n2 within 20 s"),
    ],
    ids=["elsewhere", "failed", "does not start", "not placed", "not created"],
)
def test_a_successor_that_is_not_where_it_was_planned_is_a_surprise(
    successor: dict[str, Any], text: str
) -> None:
    @in_virtual_time
    async def scene() -> None:
        with pytest.raises(SurpriseError, match=text):
            await Cluster(**successor).evict()

    scene()


@pytest.mark.parametrize("status", [429, 500])
def test_a_refused_eviction_is_a_surprise_and_leaves_no_annotation(status: int) -> None:
    @in_virtual_time
    async def scene() -> None:
        cluster = Cluster()
        cluster.server.faults.append(
            Fault(lambda call: call.path.endswith("/eviction"), status=status, reason="No")
        )
        with pytest.raises(SurpriseError, match=r"the eviction was refused: .*as the test asked"):
            await cluster.evict()
        assert cluster.annotation() is None
        assert cluster.requests()[-1] == ("PATCH", PATH)

    scene()


@in_virtual_time
async def test_who_may_not_evict_is_told_so() -> None:
    cluster = Cluster()
    cluster.server.faults.append(Fault(lambda call: call.path.endswith("/eviction"), status=403))
    with pytest.raises(ForbiddenError):
        await cluster.evict()
    assert cluster.annotation() is None


@pytest.mark.parametrize("change", [{"uid": "other"}, {"name": "gone", "uid": "other"}])
def test_only_the_planned_pod_itself_is_evicted(change: dict[str, str]) -> None:
    @in_virtual_time
    async def scene() -> None:
        cluster = Cluster()
        with pytest.raises(SurpriseError, match="is gone, or leaves already"):
            await cluster.evict(**change)
        assert cluster.requests() == []

    scene()


@in_virtual_time
async def test_a_pod_that_is_replaced_in_that_moment_stays() -> None:
    cluster = Cluster()
    cluster.server.faults.append(Fault(lambda call: call.method == "PATCH", status=409, reason="Conflict"))
    with pytest.raises(SurpriseError, match="was replaced meanwhile"):
        await cluster.evict()
    assert cluster.requests() == [("PATCH", PATH)]


class Told:
    """What was done in which order, and a surprise at one of it."""

    def __init__(self, *surprise: str) -> None:
        self.done: list[str] = []
        self._surprise = surprise

    def check(self, rest: Sequence[JsonObject]) -> None:
        self._do("check " + " ".join(item["name"] for item in rest))

    def move(self, item: JsonObject) -> str:
        self._do(f"move {item['name']}")
        return f"{item['name']}-2"

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what in self._surprise:
            raise SurpriseError("a surprise")


@pytest.mark.parametrize(
    ("surprise", "code", "done", "last"),
    [
        ((), Exit.OK, ["check x y", "move x", "check y", "move y"], "2 Pods moved"),
        (
            ("check x y",),
            Exit.NO,
            ["check x y"],
            "stopped: 0 Pods of 2 moved; run repack again for a new plan",
        ),
        (("move x",), Exit.NO, ["check x y", "move x"], "stopped: 0 Pods of 2 moved"),
        (("check y",), Exit.NO, ["check x y", "move x", "check y"], "stopped: 1 Pod of 2 moved"),
    ],
    ids=["none", "the plan does not hold", "at the first eviction", "after the first move"],
)
def test_nothing_is_moved_after_a_surprise(
    surprise: tuple[str, ...], code: Exit, done: list[str], last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(*surprise)
    assert carry_out(MOVES, told.check, told.move, Pace(interval_seconds=0)) == code
    assert told.done == done
    lines = capsys.readouterr().err.splitlines()
    assert last in lines[-1]
    if done[-1].startswith("move") and not surprise:
        assert lines[:2] == [
            "step 1 of 2: evicting Pod default/x from n1, for n2",
            "step 1 of 2: Pod default/x-2 runs on n2",
        ]


def test_evictions_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    told = Told()
    assert carry_out(MOVES, told.check, told.move, Pace(interval_seconds=60)) == Exit.OK
    assert pauses[0] == 0
    assert 59 < pauses[1] <= 60
