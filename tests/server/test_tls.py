"""TLS: who gets in with which certificate, and files that are replaced while it serves."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trustme

from app.server.tls import Tls, TlsFiles
from app.settings.settings import SettingsError
from tests.server.conftest import FILTER, Certificates, Client, Listening, listening, run


async def asked_filter(client: Client) -> int:
    return (await client.ask("POST", "/scheduler/filter", FILTER)).status


def test_the_webhooks_take_certificates_of_the_client_ca_alone(certificates: Certificates) -> None:
    async def evaluation(server: Listening) -> None:
        assert await asked_filter(await server.connect(certificates.client("kube-scheduler"))) == 200
        nobody = await server.connect(certificates.client())
        refused = await nobody.ask("POST", "/scheduler/filter", FILTER)
        assert (refused.status, refused.error) == (401, "Unauthorized")
        # The kubelet's probes show none, and with auth off the inventory is for everybody on this machine.
        assert (await nobody.ask("GET", "/livez")).status == 200
        assert (await nobody.ask("GET", "/api/v1/nodes")).status == 200
        # In TLS 1.3 the client hears of the refusal with its first read.
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await asked_filter(await server.connect(certificates.client("kube-scheduler", trustme.CA())))

    run(evaluation, **certificates.mutual)


def test_a_name_can_be_asked_for(certificates: Certificates) -> None:
    async def evaluation(server: Listening) -> None:
        assert await asked_filter(await server.connect(certificates.client("kube-scheduler"))) == 200
        kubelet = await server.connect(certificates.client("system:node:n1"))
        refused = await kubelet.ask("POST", "/scheduler/bind", b"{}")
        assert (refused.status, refused.error) == (403, "Forbidden")
        assert (await kubelet.ask("GET", "/api/v1/nodes")).status == 200
        assert (await (await server.connect(certificates.client())).ask("GET", "/api/v1/nodes")).status == 401

    run(evaluation, auth="mtls", webhook_client_names=("kube-scheduler",), **certificates.mutual)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_versions_are_refused(certificates: Certificates, version: ssl.TLSVersion) -> None:
    old = certificates.client()
    old.set_ciphers("ALL:@SECLEVEL=0")  # or this side would not offer them
    old.minimum_version = old.maximum_version = version

    async def evaluation(server: Listening) -> None:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await server.connect(old)
        assert (await (await server.connect(certificates.client())).ask("GET", "/livez")).status == 200

    run(evaluation, **certificates.settings)


def test_new_files_are_served_and_open_connections_go_on(certificates: Certificates) -> None:
    def serial(client: Client) -> str:
        certificate: Any = client.writer.get_extra_info("ssl_object").getpeercert()
        return certificate["serialNumber"]

    async def evaluation(server: Listening) -> None:
        tls = server.server._tls
        assert tls is not None
        before = await server.connect(certificates.client("kube-scheduler"))
        assert not tls.reload()
        certificates.issue()
        assert tls.reload()
        after = await server.connect(certificates.client("kube-scheduler"))
        assert serial(before) != serial(after)
        assert [await asked_filter(before), await asked_filter(after)] == [200, 200]

    run(evaluation, **certificates.mutual)


def test_a_client_ca_that_was_replaced_is_not_trusted_any_more(certificates: Certificates) -> None:
    async def evaluation(server: Listening) -> None:
        tls = server.server._tls
        assert tls is not None
        new = trustme.CA()
        new.cert_pem.write_to_path(certificates.client_ca)
        assert tls.reload()
        assert await asked_filter(await server.connect(certificates.client("kube-scheduler", new))) == 200
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await asked_filter(await server.connect(certificates.client("kube-scheduler")))

    run(evaluation, **certificates.mutual)


def test_files_are_looked_at_again_and_again(certificates: Certificates) -> None:
    tls = Tls(TlsFiles(certificates.certificate, certificates.key))
    served = [tls.context.newest]

    async def sleep(_seconds: float) -> None:
        if len(served) == 3:
            raise asyncio.CancelledError
        if len(served) == 1:
            certificates.issue()
        served.append(tls.context.newest)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(tls.follow(sleep))
    assert served[0] is served[1]
    assert served[2] is not served[0]


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda c: c.certificate.unlink(), "tls.crt: No such file"),
        (lambda c: c.certificate.write_text("nothing"), "tls.crt"),
        (lambda c: c.key.write_bytes(trustme.CA().private_key_pem.bytes()), "KEY_VALUES_MISMATCH"),
        (lambda c: c.client_ca.write_text(""), "ca.crt"),
    ],
    ids=["gone", "no certificate", "another key", "empty CA"],
)
def test_damaged_files_stop_a_start_and_change_nothing_later(
    certificates: Certificates,
    damage: Callable[[Certificates], object],
    text: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    files = TlsFiles(certificates.certificate, certificates.key, certificates.client_ca)
    tls = Tls(files)
    before = tls.context.newest
    damage(certificates)
    with pytest.raises(SettingsError, match=text):
        Tls(files)
    assert [tls.reload(), tls.reload()] == [False, False]
    assert tls.context.newest is before
    assert len(caplog.records) == 1, "the same is said once"
    certificates.issue()
    certificates.ca.cert_pem.write_to_path(certificates.client_ca)
    assert tls.reload()


def test_a_key_with_a_password_asks_nobody(certificates: Certificates) -> None:
    from cryptography.hazmat.primitives import serialization as forms  # noqa: PLC0415 - trustme brings it

    key = forms.load_pem_private_key(certificates.key.read_bytes(), None)
    locked = forms.BestAvailableEncryption(b"secret")
    certificates.key.write_bytes(key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, locked))
    with pytest.raises(SettingsError, match="the key is encrypted"):
        Tls(TlsFiles(certificates.certificate, certificates.key))


def test_handshakes_that_never_end_leave_filter_answering(certificates: Certificates) -> None:
    async def evaluation(server: Listening) -> None:
        half_open = [await server.connect() for _ in range(500)]
        half_open[0].writer.write(b"\x16\x03\x01")
        assert await asked_filter(await server.connect(certificates.client("kube-scheduler"))) == 200
        assert await half_open[0].ended() == b"", "cut when the handshake has had its time"

    run(evaluation, **certificates.mutual)


def test_a_service_without_tls_reloads_nothing() -> None:
    async def evaluation() -> None:
        async with listening() as server:
            assert server.server._tls is None

    asyncio.run(evaluation())
