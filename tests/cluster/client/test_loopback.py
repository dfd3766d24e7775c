"""The default transport over real sockets: TLS, client certificates, token rotation, broken streams."""

import asyncio
import base64
import contextlib
import socket
import ssl
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from app.cluster.auth.credentials import ApiAccess, from_kubeconfig, load_access
from app.cluster.client.backoff import LoopClock
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import NODE
from app.cluster.client.errors import ConnectionFailedError, NotFoundError, NotLeaderError, UnauthorizedError
from app.cluster.client.fence import Fence
from app.cluster.client.transport import AiohttpTransport
from app.cluster.informers.informer import Informer, InformerSettings, Replaced, Upserted
from tests.cluster.client.loopback import PATIENCE_SECONDS, closing, listening
from tests.cluster.fake_apiserver import FakeApiServer


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(folder: Path, authority: trustme.CA, *, clients: bool) -> dict[str, Any]:
    """uvicorn's arguments for a server certificate of 127.0.0.1 and localhost."""
    files = {name: folder / f"{name}.pem" for name in ("cert", "key", "ca")}
    leaf = authority.issue_cert("127.0.0.1", "localhost", "api.cluster.test")
    leaf.private_key_pem.write_to_path(files["key"])
    files["cert"].write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    authority.cert_pem.write_to_path(files["ca"])
    return {
        "ssl_certfile": str(files["cert"]),
        "ssl_keyfile": str(files["key"]),
        "ssl_ca_certs": str(files["ca"]),
        "ssl_cert_reqs": ssl.CERT_REQUIRED if clients else ssl.CERT_NONE,
    }


def b64(blob: bytes) -> str:
    return base64.b64encode(blob).decode()


def access(folder: Path, port: int, authority: trustme.CA, user: dict[str, Any], **cluster: Any) -> ApiAccess:
    described = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority-data": b64(authority.cert_pem.bytes()),
        **cluster,
    }
    content = {
        "current-context": "x",
        "clusters": [{"name": "x", "cluster": described}],
        "users": [{"name": "x", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return from_kubeconfig((file,))


def certificate(authority: trustme.CA) -> dict[str, str]:
    leaf = authority.issue_cert("someone@example.com")
    return {
        "client-certificate-data": b64(leaf.cert_chain_pems[0].bytes()),
        "client-key-data": b64(leaf.private_key_pem.bytes()),
    }


def test_client_certificate_is_shown(tmp_path: Path, authority: trustme.CA) -> None:
    async def scenario() -> None:
        server = FakeApiServer()
        async with listening(server, **server_tls(tmp_path, authority, clients=True)) as port:
            known = access(tmp_path, port, authority, certificate(authority))
            async with closing(known.client()) as client:
                assert (await client.get(NODE.path()))["kind"] == "NodeList"
            nobody = access(tmp_path, port, authority, {})
            async with closing(nobody.client()) as client:
                with pytest.raises(ConnectionFailedError):
                    await client.get(NODE.path())
            assert len(server.calls) == 1

    asyncio.run(scenario())


def test_server_of_another_authority_or_name_is_not_talked_to(tmp_path: Path, authority: trustme.CA) -> None:
    async def scenario() -> None:
        server = FakeApiServer()
        async with listening(server, **server_tls(tmp_path, authority, clients=False)) as port:
            stranger = access(tmp_path, port, trustme.CA(), {"token": "t"})
            wrong_name = access(
                tmp_path, port, authority, {"token": "t"}, **{"tls-server-name": "other.test"}
            )
            for refused in (stranger, wrong_name):
                async with closing(refused.client()) as client:
                    with pytest.raises(ConnectionFailedError, match="certificate verify failed") as caught:
                        await client.get(NODE.path())
                    assert not caught.value.sent
            assert server.calls == []
            named = {"tls-server-name": "api.cluster.test"}
            async with closing(access(tmp_path, port, authority, {"token": "t"}, **named).client()) as client:
                await client.get(NODE.path())

    asyncio.run(scenario())


def test_renewed_certificate_files_are_shown_on_new_connections(
    tmp_path: Path, authority: trustme.CA
) -> None:
    """The server refuses the first certificate after a while, as one that has ended."""
    shown: list[str] = []

    def write_pair() -> None:
        leaf = authority.issue_cert("someone@example.com")
        (tmp_path / "tls.crt").write_bytes(leaf.cert_chain_pems[0].bytes())
        (tmp_path / "tls.key").write_bytes(leaf.private_key_pem.bytes())

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serial = writer.get_extra_info("peercert")["serialNumber"]
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                shown.append(serial)
                status = "401 Unauthorized" if serial == shown[0] and len(shown) > 1 else "200 OK"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        writer.close()

    async def scenario() -> None:
        files = server_tls(tmp_path, authority, clients=True)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files["ssl_ca_certs"])
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_cert_chain(files["ssl_certfile"], files["ssl_keyfile"])
        service = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
        port = service.sockets[0].getsockname()[1]
        write_pair()
        user = {"client-certificate": "tls.crt", "client-key": "tls.key"}
        found = access(tmp_path, port, authority, user)
        async with service, closing(found.client()) as client:
            await client.get(NODE.path())
            with pytest.raises(UnauthorizedError):
                await client.get(NODE.path())
            write_pair()
            await client.get(NODE.path())
            assert [serial == shown[0] for serial in shown] == [True, True, True, False]

    asyncio.run(scenario())


def test_rotated_service_account_token_is_taken_up_within_one_request(
    tmp_path: Path, authority: trustme.CA
) -> None:
    async def scenario() -> None:
        server = FakeApiServer()
        async with listening(server, **server_tls(tmp_path, authority, clients=False)) as port:
            authority.cert_pem.write_to_path(tmp_path / "ca.crt")
            (tmp_path / "token").write_text("old")
            environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
            found = load_access(environ=environ, service_account=tmp_path)
            async with closing(found.client()) as client:
                server.token = "old"
                await client.get(NODE.path())
                server.token = "new"
                (tmp_path / "token").write_text("new")
                await client.get(NODE.path())
                assert [call.headers["authorization"] for call in server.calls] == [
                    "Bearer old",
                    "Bearer old",
                    "Bearer new",
                ]

    asyncio.run(scenario())


def plain(port: int) -> ApiClient:
    return ApiClient(f"http://127.0.0.1:{port}", AiohttpTransport())


def test_informer_follows_a_real_stream_through_cuts_and_silence() -> None:
    async def scenario() -> None:
        server = FakeApiServer(bookmark_seconds=0.1)
        server.put("v1", "nodes", {"metadata": {"name": "a"}})
        async with listening(server) as port, closing(plain(port)) as client:
            settings = InformerSettings(read_timeout_seconds=0.5)
            informer = Informer(client, NODE, settings=settings, uniform=lambda _low, high: high * 0.1)
            async with asyncio.timeout(PATIENCE_SECONDS), aclosing(informer.events()) as events:
                assert isinstance(await anext(events), Replaced)
                server.put("v1", "nodes", {"metadata": {"name": "b"}})
                assert await name_of(events) == "b"
                server.break_watches(partial=b'{"type":"ADDED","obj')
                server.put("v1", "nodes", {"metadata": {"name": "c"}})
                # 60 KiB: comes in several pieces.
                server.put("v1", "nodes", {"metadata": {"name": "d"}, "spec": {"x": "y" * 60_000}})
                assert [await name_of(events), await name_of(events)] == ["c", "d"]
                server.frozen = True
                server.put("v1", "nodes", {"metadata": {"name": "e"}})
                thaw = asyncio.get_running_loop().call_later(0.3, setattr, server, "frozen", False)
                assert await name_of(events) == "e"
                thaw.cancel()
            assert informer.stats.failures["ConnectionFailed"] >= 1
            assert informer.stats.relists.total() == 0
            # The server learns of the closed connection a moment later.
            async with asyncio.timeout(PATIENCE_SECONDS):
                while server.open_watches:  # noqa: ASYNC110 - as long as it takes
                    await asyncio.sleep(0.01)

    asyncio.run(scenario())


async def name_of(events: Any) -> str:
    event = await anext(events)
    assert isinstance(event, Upserted)
    return str(event.object["metadata"]["name"])


def test_silent_answer_ends_at_the_read_timeout() -> None:
    async def scenario() -> None:
        server = FakeApiServer()
        server.frozen = True
        async with listening(server) as port, closing(plain(port)) as client:
            with pytest.raises(ConnectionFailedError) as caught:
                async for _ in client.watch(NODE.path(), read_timeout_seconds=0.2):
                    pass
            assert caught.value.sent

    asyncio.run(scenario())


def test_closed_port_is_known_not_to_have_got_the_request() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        async with closing(plain(port)) as client:
            with pytest.raises(ConnectionFailedError) as caught:
                await client.patch(NODE.path(name="n"), {})
            assert not caught.value.sent

    asyncio.run(scenario())


def test_connections_are_used_again_after_answers_and_refusals() -> None:
    async def scenario() -> None:
        accepted = 0

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal accepted
            accepted += 1
            with contextlib.suppress(asyncio.IncompleteReadError):
                while await reader.readuntil(b"\r\n\r\n"):
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
            writer.close()

        service = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = service.sockets[0].getsockname()[1]
        async with service, closing(plain(port)) as client:
            for _ in range(5):
                with pytest.raises(NotFoundError):
                    await client.get(NODE.path(name="n"))
        assert accepted == 1

    asyncio.run(scenario())


def test_the_guard_is_asked_again_when_there_is_a_connection_and_the_write_does_not_arrive() -> None:
    async def scenario() -> None:
        server = FakeApiServer()
        path = NODE.path()

        class LostMeanwhile(Fence):
            asked = 0

            def check(self) -> None:
                self.asked += 1
                if self.asked % 2 == 0:
                    raise NotLeaderError("lost while the connection was made")

        late = LostMeanwhile(LoopClock())
        async with listening(server) as port:
            client = ApiClient(f"http://127.0.0.1:{port}", AiohttpTransport())
            async with closing(client):
                for _ in range(2):
                    with pytest.raises(NotLeaderError, match="lost while"):
                        await client.guarded(late).post(path, {"metadata": {"name": "n"}})
                made = await client.guarded(Fence.always_open()).post(path, {"metadata": {"name": "m"}})
                assert made["metadata"]["name"] == "m"
            assert late.asked == 4
            assert [node["metadata"]["name"] for node in server.store.select(("", "nodes"))] == ["m"]

    asyncio.run(scenario())
