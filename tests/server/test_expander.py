"""Cluster Autoscaler's expander, asked over TLS by Go's gRPC with Pods and Nodes of k8s.io/api, and by
clients that break its rules.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamReset, TrailersReceived

from app.api.expander.messages import PATH
from app.api.expander.protobuf import written
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.server import grpc
from app.settings.settings import Settings, SettingsError
from tests.objects import claim
from tests.objects import pod as claiming
from tests.server.conftest import Certificates, Listening, listening

PATIENCE_SECONDS = 60


def pending(name: str, *claims: str, templates: tuple[str, ...] = ()) -> JsonObject:
    return claiming(name, *claims, templates=templates, uid=name)


def template_of(node: str) -> JsonObject:
    """A new node of the example's group of this node, as Cluster Autoscaler makes it up."""
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}, "status": {"allocatable": {}}}


class Asking:
    """A server, and Cluster Autoscaler that calls it."""

    def __init__(self, server: Listening, program: Path, certificate: Path) -> None:
        assert server.server.expander is not None
        self.port = server.server.expander.port
        self._server = server
        self._program = program
        self._certificate = certificate

    def state(self) -> Any:
        return self._server.server._app.state.service.state

    def metrics(self) -> Callable[[str, dict[str, str]], float]:
        registry = self._server.server._app.state.metrics.registry
        return lambda name, labels: registry.get_sample_value(f"dra_extender_{name}", labels) or 0.0

    async def ask(self, options: list[JsonObject], *, certificate: Path | None = None, **more: Any) -> Any:
        process = await asyncio.create_subprocess_exec(
            self._program,
            "ask",
            f"localhost:{self.port}",
            certificate or self._certificate,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        answer, _ = await process.communicate(json.dumps({"options": options, **more}).encode())
        assert process.returncode == 0
        return json.loads(answer)


def run(
    program: Path, certificates: Certificates, scene: Callable[[Asking], Awaitable[None]], **settings: Any
) -> None:
    async def asked() -> None:
        async with (
            listening(**certificates.settings, expander_port=0, **settings) as server,
            asyncio.timeout(PATIENCE_SECONDS),
        ):
            await scene(Asking(server, program, certificates.client_ca))

    asyncio.run(asked())


def option(group: str, *pods: JsonObject, count: int = 1) -> JsonObject:
    return {"nodeGroupId": group, "nodeCount": count, "debug": f"of {group}", "pods": list(pods)}


GPUS = [pending(f"gpu-{number}", templates=("four-gpus",)) for number in range(2)]
NODES = {"gpus": template_of("worker-5"), "cats": template_of("worker-1")}


def of_the_example(server: Asking) -> None:
    """Adds a template for four GPUs, which the example's worker-5 publishes."""
    request = {"name": "r", "exactly": {"deviceClassName": "gpu.example.com", "count": 4}}
    spec = {"spec": {"devices": {"requests": [request]}}}
    raw = claim("four-gpus") | {"kind": "ResourceClaimTemplate", "spec": spec}
    server.state().upsert(parse(raw))


@pytest.mark.oracle
@pytest.mark.parametrize("messages", [False, True], ids=["bytes, since 1.35", "messages, before"])
def test_the_group_with_the_devices_is_best(
    cluster_autoscaler: Path, certificates: Certificates, messages: bool
) -> None:
    async def scene(server: Asking) -> None:
        of_the_example(server)
        sent = [option("cats", *GPUS, count=2), option("gpus", *GPUS, count=1)]
        answer = await server.ask(sent, nodes=NODES, messages=messages)
        assert answer == {
            "options": [{"nodeGroupId": "gpus", "nodeCount": 1, "debug": "of gpus"}],
            "code": "OK",
            "message": "",
        }
        count = server.metrics()
        assert count("expander_options_total", {"result": "best"}) == 1
        assert count("expander_options_total", {"result": "other"}) == 1
        assert count("expander_duration_seconds_count", {"code": "OK"}) == 1

    run(cluster_autoscaler, certificates, scene)


@pytest.mark.oracle
def test_without_claims_all_options_are_returned(
    cluster_autoscaler: Path, certificates: Certificates
) -> None:
    async def scene(server: Asking) -> None:
        sent = [option(f"group-{number}", pending("p"), count=number) for number in range(500)]
        answer = await server.ask(sent, nodes={})
        assert [item["nodeGroupId"] for item in answer["options"]] == [item["nodeGroupId"] for item in sent]
        assert [item["nodeCount"] for item in answer["options"]] == list(range(500))

    run(cluster_autoscaler, certificates, scene)


BROKEN = {
    "an object": (
        [option("a", pending("p") | {"spec": {"resourceClaims": [{"name": "x"}]}})],
        "options[0].podBytes[0]: Pod default/p: spec.resourceClaims[0]: "
        "must set exactly one of resourceClaimName and resourceClaimTemplateName",
    ),
    "a number of nodes": ([option("a", count=-1)], "options[0].nodeCount: must be 0 to 10000, not -1"),
    "no group": ([option("")], "options[0].nodeGroupId: is missing"),
    "too many Pods": (
        [option("a", *(pending(f"p{number}") for number in range(6)))],
        "options[0].podBytes: more than 5 Pods in one request",
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize(("sent", "message"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_named(
    cluster_autoscaler: Path, certificates: Certificates, sent: list[JsonObject], message: str
) -> None:
    async def scene(server: Asking) -> None:
        answer = await server.ask(sent)
        assert (answer["code"], answer["message"]) == ("InvalidArgument", message)
        assert server.metrics()("expander_duration_seconds_count", {"code": "INVALID_ARGUMENT"}) == 1

    run(cluster_autoscaler, certificates, scene, dry_run_pods=5)


@pytest.mark.oracle
def test_a_request_that_is_too_large_is_refused_and_the_next_one_answered(
    cluster_autoscaler: Path, certificates: Certificates
) -> None:
    async def scene(server: Asking) -> None:
        large = pending("p")
        large["metadata"]["annotations"] = {"a": "x" * 100_000}
        answer = await server.ask([option("a", large)])
        assert answer["code"] == "ResourceExhausted"
        assert answer["message"] == "the request is larger than 50000 bytes (expanderBodyBytes)"
        assert (await server.ask([option("a", pending("p"))]))["code"] == "OK"

    run(cluster_autoscaler, certificates, scene, expander_body_bytes=50_000)


@pytest.mark.oracle
def test_requests_larger_than_a_window_are_read(cluster_autoscaler: Path, certificates: Certificates) -> None:
    async def scene(server: Asking) -> None:
        pods = [pending(f"p{number}") for number in range(40)]
        for pod in pods:
            pod["metadata"]["annotations"] = {"a": "x" * 100_000}
        assert (await server.ask([option("a", *pods)]))["code"] == "OK"

    run(cluster_autoscaler, certificates, scene)


@pytest.mark.oracle
def test_another_certificate_is_not_trusted(
    cluster_autoscaler: Path, certificates: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Certificates(tmp_path / "other").client_ca

    async def scene(server: Asking) -> None:
        answer = await server.ask([option("a")], certificate=other)
        assert answer["code"] == "Unavailable"
        assert "certificate" in answer["message"]

    run(cluster_autoscaler, certificates, scene)


class Peer:
    """A client that sends HTTP/2 as it likes, without TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.http2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.http2.initiate_connection()
        self.headers: dict[int, dict[str, str]] = {}
        self.ended: set[int] = set()
        self.gone = False

    def call(self, stream: int, body: bytes | None, *, end: bool = True, **headers: str) -> None:
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": PATH,
            ":authority": "x",
            "content-type": "application/grpc",
            "te": "trailers",
        }
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        if "path" in headers:
            fields[":path"] = fields.pop("path")
        if "method" in headers:
            fields[":method"] = fields.pop("method")
        self.http2.send_headers(stream, list(fields.items()), end_stream=body is None)
        if body is not None:
            self.http2.send_data(stream, body, end_stream=end)

    async def flush(self) -> None:
        self.writer.write(self.http2.data_to_send())
        await self.writer.drain()

    async def answered(self, stream: int) -> dict[str, str]:
        """The headers and trailers of an answer."""
        await self.flush()
        while stream not in self.ended and not self.gone:
            await self._receive()
        return self.headers.get(stream, {})

    async def _receive(self) -> None:
        data = await self.reader.read(65536)
        self.gone = not data
        for event in self.http2.receive_data(data):
            if isinstance(event, ResponseReceived | TrailersReceived):
                self.headers.setdefault(event.stream_id, {}).update(event.headers)
                if event.stream_ended:
                    self.ended.add(event.stream_id)
            elif isinstance(event, DataReceived):
                self.http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamReset):
                self.ended.add(event.stream_id)
            elif isinstance(event, ConnectionTerminated):
                self.gone = True
        await self.flush()

    async def closed(self) -> bytes:
        """Waits until the server has closed the connection."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""


def framed(message: bytes, *, compressed: bool = False) -> bytes:
    return bytes([compressed]) + len(message).to_bytes(4, "big") + message


def plain(scene: Callable[[Callable[[], Awaitable[Peer]]], Awaitable[None]], **settings: Any) -> None:
    """Runs a scene against a port without TLS on loopback."""

    async def asked() -> None:
        async with listening(expander_port=0, **settings) as server, asyncio.timeout(PATIENCE_SECONDS):
            assert server.server.expander is not None
            port = server.server.expander.port
            peers: list[Peer] = []

            async def connect() -> Peer:
                peers.append(Peer(*await asyncio.open_connection("127.0.0.1", port)))
                return peers[-1]

            await scene(connect)
            for peer in peers:
                peer.writer.transport.abort()

    asyncio.run(asked())


ONE = framed(written(1, written(1, "a")))
CALLS = {
    "as it should be": (ONE, {}, ("0", None)),
    "another method": (ONE, {"path": "/x.Y/Z"}, ("12", "there is no method /x.Y/Z")),
    "another method, without a body": (None, {"path": "/x.Y/Z"}, ("12", "there is no method /x.Y/Z")),
    "no body": (None, {}, ("3", "the call has no message")),
    "no message": (b"", {}, ("3", "the call has no message")),
    "compressed": (framed(b"x", compressed=True), {}, ("12", "compressed messages are not supported")),
    "shorter than it states": (
        ONE[:-1],
        {},
        ("3", "the call must have one message, of the length that it states"),
    ),
    "two messages": (ONE * 2, {}, ("3", "the call must have one message, of the length that it states")),
    "not Protocol Buffers": (
        framed(b"\x0f"),
        {},
        ("3", "the request: is not a Protocol Buffers message: field 1 has wire type 7"),
    ),
    "broken text": (
        framed(written(1, written(1, b"\xff"))),
        {},
        ("3", "options[0].nodeGroupId: is not valid UTF-8"),
    ),
    "a broken Node": (
        framed(written(3, written(1, "g") + written(2, b"\xff"))),
        {},
        ("3", "nodeBytesMap[g]: Node: the object: ends within a number"),
    ),
}


@pytest.mark.parametrize(("body", "headers", "expected"), CALLS.values(), ids=CALLS)
def test_calls_get_a_status(
    body: bytes | None, headers: dict[str, str], expected: tuple[str, str | None]
) -> None:
    async def scene(connect: Callable[[], Awaitable[Peer]]) -> None:
        peer = await connect()
        peer.call(1, body, **headers)
        answer = await peer.answered(1)
        assert (answer.get("grpc-status"), answer.get("grpc-message")) == expected

    plain(scene)


def test_what_is_no_grpc_is_refused() -> None:
    async def scene(connect: Callable[[], Awaitable[Peer]]) -> None:
        peer = await connect()
        peer.call(1, None, method="GET")
        peer.call(3, b"{}", content_type="application/json")
        assert [(await peer.answered(stream))[":status"] for stream in (1, 3)] == ["415", "415"]
        peer.call(5, ONE)
        assert (await peer.answered(5))["grpc-status"] == "0"

    plain(scene)


def test_http_1_and_noise_close_the_connection_and_others_go_on() -> None:
    async def scene(connect: Callable[[], Awaitable[Peer]]) -> None:
        other = await connect()
        for noise in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(range(256)) * 20):
            peer = await connect()
            peer.writer.write(noise)
            await peer.closed()
        other.call(1, ONE)
        assert (await other.answered(1))["grpc-status"] == "0"

    plain(scene)


def test_a_message_that_does_not_end_closes_the_connection() -> None:
    async def scene(connect: Callable[[], Awaitable[Peer]]) -> None:
        peer = await connect()
        peer.call(1, ONE[:7], end=False)
        await peer.flush()
        await peer.closed()

    plain(scene, body_timeout_seconds=0.2)


def test_a_call_that_is_given_up_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def forever(_self: Any, _body: bytes, _seconds: float | None) -> bytes:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError("it waits")

    monkeypatch.setattr("app.api.expander.best_options.BestOptions.__call__", forever)

    async def scene(connect: Callable[[], Awaitable[Peer]]) -> None:
        peer = await connect()
        peer.call(1, ONE)
        await peer.flush()
        await begun.wait()
        peer.http2.reset_stream(1)
        await peer.flush()
        await ended.wait()

    plain(scene)


def test_of_too_many_connections_the_oldest_without_a_call_is_closed() -> None:
    async def scene(connect: Callable[[], Awaitable[Peer]]) -> None:
        busy = await connect()
        busy.call(1, ONE[:-1], end=False)
        await busy.flush()
        idle = [await connect() for _ in range(grpc.MAX_CONNECTIONS - 1)]
        for peer in idle:
            peer.call(1, ONE)
            await peer.answered(1)
        new = await connect()
        new.call(1, ONE)
        assert (await new.answered(1))["grpc-status"] == "0"
        await idle[0].closed()
        busy.http2.send_data(1, ONE[-1:], end_stream=True)
        assert (await busy.answered(1))["grpc-status"] == "0"

    plain(scene)


def test_more_connections_with_calls_than_there_may_be_are_refused() -> None:
    async def scene(connect: Callable[[], Awaitable[Peer]]) -> None:
        busy = [await connect() for _ in range(grpc.MAX_CONNECTIONS)]
        for peer in busy:
            peer.call(1, ONE[:-1], end=False)
            peer.call(3, ONE)
            assert (await peer.answered(3))["grpc-status"] == "0", "the first call has arrived too"
        await (await connect()).closed()
        busy[0].http2.send_data(1, ONE[-1:], end_stream=True)
        assert (await busy[0].answered(1))["grpc-status"] == "0"

    plain(scene)


def test_many_small_frames_do_not_hold_the_loop() -> None:
    """Headers of calls that are given up at once cost the most for a byte."""

    async def scene(connect: Callable[[], Awaitable[Peer]]) -> None:
        peer, other = await connect(), await connect()
        for number in range(1000):
            peer.call(2 * number + 1, None)
            peer.http2.reset_stream(2 * number + 1)
        data = peer.http2.data_to_send()
        assert len(data) > 4 * grpc._PIECE
        peer.writer.write(data)
        other.call(1, ONE)
        assert (await other.answered(1))["grpc-status"] == "0"
        peer.call(2001, ONE)
        assert (await peer.answered(2001)).get("grpc-status") == "0"

    plain(scene)


def test_a_port_in_use_ends_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"expander_port {port}: cannot listen"):
            asyncio.run(_listen(port))


async def _listen(port: int) -> None:
    async with listening(expander_port=port):
        raise AssertionError("it serves")


def test_prices_are_read_from_text() -> None:
    found = Settings(expander_prices="a=2.5, projects/x=y=0.5").expander_prices
    assert found == {"a": 2.5, "projects/x=y": 0.5}


def test_without_http_2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "app.server.grpc", None)
    with pytest.raises(SettingsError, match=r"expander_port needs the extra `expander`: pip install"):
        asyncio.run(_listen(0))
