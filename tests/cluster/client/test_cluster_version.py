"""What the API server says of its version and gates, and when that counts as another version."""

import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.cluster_version import read_cluster_version, until_changed
from app.cluster.client.errors import ForbiddenError
from app.core.json_object import JsonObject
from app.core.versions import version_named
from app.core.versions.cluster_version import ClusterVersion, of_server
from tests.cluster.fake_apiserver import FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import run

GATE = 'kubernetes_feature_enabled{{name="{}",stage="BETA"}} {}'
V1_36, V1_37 = ({"gitVersion": f"v1.{minor}.0"} for minor in (36, 37))


def client_of(server: FakeApiServer) -> ApiClient:
    return ApiClient("http://fake", InMemoryTransport(server))


def metrics(**gates: int) -> bytes:
    """Gates among much else, so that they come in several pieces."""
    lines = [GATE.format(name, on) for name, on in gates.items()]
    return "\n".join(["apiserver_requests 1", *lines, "apiserver_more 2", ""] * 5).encode()


def test_version_and_gates_are_read() -> None:
    server = FakeApiServer()
    server.version = {"gitVersion": "v1.37.2", "emulationMajor": "1", "emulationMinor": "34"}
    server.metrics = metrics(DRAConsumableCapacity=1, DRAPrioritizedList=0, Other=1)
    cluster = run(read_cluster_version(client_of(server)))
    gates = {"DRAConsumableCapacity": True, "DRAPrioritizedList": False}
    assert cluster == ClusterVersion("v1.37.2", version_named("1.34"), gates)
    assert cluster.changed_gates == gates


@pytest.mark.parametrize(
    "text", [None, b"", b"apiserver_requests 1\n"], ids=["forbidden", "empty", "no gates"]
)
def test_gates_that_are_not_shown_are_unknown(text: bytes | None) -> None:
    server = FakeApiServer()
    server.metrics = text
    assert run(read_cluster_version(client_of(server))) == of_server({"gitVersion": "v1.37.2"})


def test_a_connection_that_breaks_within_the_metrics_leaves_the_gates_unknown() -> None:
    server = FakeApiServer()
    server.faults = [Fault(lambda call: call.path == "/metrics", cut="before")]
    assert run(read_cluster_version(client_of(server))).gates is None


def test_a_version_that_is_refused_is_an_error() -> None:
    server = FakeApiServer()
    server.faults = [Fault(lambda call: call.path == "/version", status=403, reason="Forbidden")]
    with pytest.raises(ForbiddenError):
        run(read_cluster_version(client_of(server)))


CHANGES: dict[str, tuple[list[JsonObject | None], int]] = {
    "at the second answer in a row": ([V1_36, V1_37, V1_37], 3),
    "not while both versions answer": ([V1_37, V1_36, V1_37, V1_36, V1_37, V1_37], 6),
    "not for another patch": ([{"gitVersion": "v1.36.7"}, {"gitVersion": "v1.36.7"}, V1_37, V1_37], 4),
    "whatever is not answered between": ([V1_37, None, V1_37], 3),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_version_counts(name: str) -> None:
    answers, needed = CHANGES[name]
    server, turns = FakeApiServer(), iter(answers)
    asked: list[int] = []

    async def next_answer() -> None:
        asked.append(1)
        answer = next(turns)
        server.down = answer is None
        server.version = answer or {}

    known = of_server(V1_36)
    assert run(until_changed(client_of(server), known, next_answer)).server == "v1.37.0"
    assert len(asked) == needed


def test_other_gates_count_and_gates_that_are_not_shown_for_a_while_do_not() -> None:
    server = FakeApiServer()
    server.version = V1_36
    off, on = metrics(DRADeviceTaintRules=0), metrics(DRADeviceTaintRules=1)
    turns = iter([off, None, on, off, None, on, None, on])

    async def next_answer() -> None:
        server.metrics = next(turns)

    known = of_server(V1_36, {"DRADeviceTaintRules": False})
    assert run(until_changed(client_of(server), known, next_answer)).gates == {"DRADeviceTaintRules": True}
    assert list(turns) == []
