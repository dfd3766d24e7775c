"""Kubeconfig and service account: what is taken, what is refused and how that is said, without secrets."""

import asyncio
import base64
import json
import os
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from app.cluster.auth.auth import ExecAuth, TokenFileAuth
from app.cluster.auth.credentials import ApiAccess, from_kubeconfig, load_access
from app.cluster.auth.kubeconfig import Section
from app.cluster.client.errors import CredentialsError

SECRET = "s3cr3t-t0k3n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def document(user: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
    }


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def load(tmp_path: Path, content: Any, context: str = "") -> ApiAccess:
    return from_kubeconfig((write(tmp_path / "config", content),), context)


def header(access: ApiAccess) -> str | None:
    return asyncio.run(access.auth.authorization())


USERS: dict[str, tuple[dict[str, Any], str | None]] = {
    "nobody": ({}, None),
    "token": ({"token": "abc\n"}, "Bearer abc"),
    "basic": ({"username": "me", "password": "pw"}, "Basic bWU6cHc="),
    "token goes before basic": ({"token": "abc", "username": "me", "password": "pw"}, "Bearer abc"),
    "token goes before a plugin": ({"token": "abc", "exec": {"command": "false"}}, "Bearer abc"),
}


@pytest.mark.parametrize("name", USERS)
def test_user_gives_the_header(name: str, tmp_path: Path) -> None:
    user, expected = USERS[name]
    access = load(tmp_path, document(user))
    assert header(access) == expected
    assert (access.base_url, access.namespace) == ("https://127.0.0.1:6443", "team")


def test_token_file_goes_before_token_and_is_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    write(tmp_path / "secrets" / "token", "from-file\n")
    access = load(tmp_path, document({"tokenFile": "secrets/token", "token": "inline"}))
    assert header(access) == "Bearer from-file"


def test_impersonation_is_sent_rather_than_dropped(tmp_path: Path) -> None:
    user = {"token": "t", "as": "jane", "as-groups": ["a", "b"], "as-user-extra": {"scopes": ["x"]}}
    assert load(tmp_path, document(user)).auth.extra_headers == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-scopes", "x"),
    )


def test_server_is_verified_unless_the_file_says_otherwise(tmp_path: Path, authority: trustme.CA) -> None:
    with_authority = load(
        tmp_path, document(**{"certificate-authority-data": encoded(pem(authority))})
    ).ssl_context
    assert with_authority is not None
    assert with_authority.verify_mode is ssl.CERT_REQUIRED
    assert with_authority.check_hostname
    # Set by default since Python 3.13, and then many clusters' authorities are refused.
    assert not with_authority.verify_flags & getattr(ssl, "VERIFY_X509_STRICT", 0)
    assert len(with_authority.get_ca_certs()) == 1, "the system's authorities are not trusted as well"
    without = load(tmp_path, document(**{"insecure-skip-tls-verify": True})).ssl_context
    assert without is not None
    assert without.verify_mode is ssl.CERT_NONE
    plain = load(tmp_path, document(server="http://127.0.0.1:8001"))
    assert plain.ssl_context is None


PROXIES: dict[str, tuple[str, dict[str, str], str | None]] = {
    "none": ("https://api.test", {}, None),
    "environment": ("https://api.test", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
    "not for this host": ("https://api.test", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".test"}, None),
    "other scheme": ("http://api.test", {"HTTPS_PROXY": "http://p:1"}, None),
    "loopback": ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p:1"}, None),
}


@pytest.mark.parametrize("name", PROXIES)
def test_proxy_of_the_environment(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, variables, expected = PROXIES[name]
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert load(tmp_path, document(server=server)).proxy_url == expected
    named = load(tmp_path, document(server=server, **{"proxy-url": "http://own:2"}))
    assert named.proxy_url == "http://own:2"


# What is wrong, and the place and words of the message.
WRONG: dict[str, tuple[Any, str]] = {
    "no YAML": (f"users: [\n  {SECRET}: ]{{", "config:2:18: is not valid YAML"),
    "a tab": (f"users:\n\t- {SECRET}", "config:2:1: is not valid YAML"),
    "binary": ("\x00\x01", "config: is not valid YAML"),
    "empty": ("", "config: current-context: not set"),
    "a list": ("[]", "config: must be a mapping, is a list"),
    "no current context": ({}, "config: current-context: not set"),
    "unknown context": ({**document(), "current-context": "away"}, "config: context 'away' not found"),
    "contexts no list": ({**document(), "contexts": {}}, "config: contexts: must be a list, is a mapping"),
    "unnamed context": ({**document(), "contexts": [{}]}, r"config: contexts\[0\]: must be a mapping with"),
    "unknown cluster": (
        {**document(), "clusters": []},
        r"config: contexts\[here\]\.context\.cluster: cluster 'c' not found",
    ),
    "unknown user": ({**document(), "users": None}, r"contexts\[here\]\.context\.user: user 'u' not found"),
    "no server": (document(server=None), r"clusters\[c\]\.cluster\.server: must be an http\(s\) URL, is ''"),
    "server is a number": (document(server=6443), r"clusters\[c\]\.cluster\.server: must be a string"),
    "server without scheme": (document(server="host:6443"), r"cluster\.server: must be an http"),
    "proxy that is none of ours": (
        document(**{"proxy-url": "socks5://127.0.0.1:1"}),
        r"cluster\.proxy-url: only http",
    ),
    "CA is no base64": (
        document(**{"certificate-authority-data": SECRET}),
        r"cluster\.certificate-authority-data: is not a PEM file",
    ),
    "CA is no certificate": (
        document(**{"certificate-authority-data": encoded("hello")}),
        r"cluster\.certificate-authority-data: cannot be used",
    ),
    "CA file is missing": (
        document(**{"certificate-authority": "ca.pem"}),
        r"cluster\.certificate-authority: cannot be used \(.*ca\.pem\): No such file",
    ),
    "CA and no verification": (
        document(**{"certificate-authority": "ca.pem", "insecure-skip-tls-verify": True}),
        r"cluster\.insecure-skip-tls-verify: contradicts",
    ),
    "yes for true": (
        document(**{"insecure-skip-tls-verify": "yes"}),
        r"cluster\.insecure-skip-tls-verify: must be true or false, is a string",
    ),
    "certificate without key": (
        document({"client-certificate-data": encoded("x")}),
        r"users\[u\]\.user\.client-key: not set",
    ),
    "certificate that is none": (
        document({"client-certificate-data": encoded(SECRET), "client-key-data": encoded(SECRET)}),
        r"users\[u\]\.user\.client-certificate: cannot be used with its key",
    ),
    "key file is missing": (
        document({"client-certificate-data": encoded("x"), "client-key": "k.pem"}),
        r"users\[u\]\.user\.client-key: no such file: .*k\.pem",
    ),
    "token file is missing": (document({"tokenFile": "t"}), r"/t: cannot be read: No such file"),
    "token of two lines": (document({"token": f"{SECRET}\nb"}), r"users\[u\]\.user\.token: is not a token"),
    "token is a mapping": (document({"token": {SECRET: 1}}), r"users\[u\]\.user\.token: must be a string"),
    "groups no list": (document({"as-groups": "a"}), r"users\[u\]\.user\.as-groups: must be a list"),
    "exec no mapping": (document({"exec": SECRET}), r"users\[u\]\.user\.exec: must be a mapping"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_kubeconfig_names_file_and_field_and_no_secret(name: str, tmp_path: Path) -> None:
    content, expected = WRONG[name]
    with pytest.raises(CredentialsError, match=expected) as caught:
        load(tmp_path, content)
    assert SECRET not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_list_of_files_is_merged_and_the_first_to_name_a_thing_wins(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other / "token", "from-other")
    first = document({"token": "first"})
    del first["users"]
    second = document({"tokenFile": "token"}, server="https://second")
    second["contexts"].append({"name": "there", "context": {"cluster": "c"}})
    files = (tmp_path / "missing", write(tmp_path / "first", first), write(other / "second", second))
    access = from_kubeconfig(files)
    assert access.base_url == "https://127.0.0.1:6443"
    assert header(access) == "Bearer from-other", "relative to the file that says it"
    assert header(from_kubeconfig(files, "there")) is None


def environment(tmp_path: Path, **variables: str) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), **variables}


def pod(tmp_path: Path, authority: trustme.CA) -> Path:
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    write(folder / "ca.crt", pem(authority))
    write(folder / "token", "pod-token")
    write(folder / "namespace", "dra")
    return folder


IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def test_where_credentials_are_looked_for(tmp_path: Path, authority: trustme.CA) -> None:
    account = pod(tmp_path, authority)
    asked, listed = tmp_path / "asked", tmp_path / "listed"
    write(asked, document({"token": "asked"}))
    write(listed, document({"token": "listed"}))
    (tmp_path / "home" / ".kube").mkdir(parents=True)
    write(tmp_path / "home" / ".kube" / "config", document({"token": "home"}))

    def found(path: Path | None = None, context: str = "", **variables: str) -> str | None:
        environ = environment(tmp_path, **variables)
        return header(load_access(path, context, environ=environ, service_account=account))

    assert found(asked, KUBECONFIG=str(listed), **IN_POD) == "Bearer asked"
    assert found(KUBECONFIG=f"{tmp_path}/none{os.pathsep}{listed}", **IN_POD) == "Bearer listed"
    assert found(**IN_POD) == "Bearer pod-token"
    assert found(context="here", **IN_POD) == "Bearer home"
    assert found() == "Bearer home"


def test_service_account_gives_url_namespace_and_authority(tmp_path: Path, authority: trustme.CA) -> None:
    account = pod(tmp_path, authority)
    access = load_access(environ={**environment(tmp_path), **IN_POD}, service_account=account)
    assert (access.base_url, access.namespace) == ("https://10.0.0.1:443", "dra")
    six = {**IN_POD, "KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert load_access(environ=six, service_account=account).base_url == "https://[fd00::1]:443"


def test_no_credentials_anywhere_says_where_they_could_be(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"\.kube/config: no such file; use --kubeconfig"):
        load_access(environ=environment(tmp_path))
    with pytest.raises(CredentialsError, match=r"asked: no such file"):
        load_access(tmp_path / "asked")
    with pytest.raises(CredentialsError, match=r"ca\.crt: cannot be used: No such file"):
        load_access(environ=IN_POD, service_account=tmp_path)


def test_rotated_token_file_is_read_after_a_minute_and_at_once_after_a_refusal(tmp_path: Path) -> None:
    now = 0.0
    file = write(tmp_path / "token", "one")
    auth = TokenFileAuth(file, now=lambda: now)

    async def scenario() -> None:
        nonlocal now
        assert await auth.authorization() == "Bearer one"
        write(file, "two")
        now = 59
        assert await auth.authorization() == "Bearer one"
        now = 60
        assert await auth.authorization() == "Bearer two"
        write(file, "three")
        await auth.renew("Bearer two")
        assert await auth.authorization() == "Bearer three"
        file.unlink()
        now = 200
        assert await auth.authorization() == "Bearer three", "the file is being replaced"
        with pytest.raises(CredentialsError, match="cannot be read"):
            await auth.renew("Bearer three")

    asyncio.run(scenario())


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., Section]:
    """Makes an exec section whose program answers with a file, and counts its runs in another."""

    def make(answer: Any, *, code: int = 0, extra: dict[str, Any] | None = None) -> Section:
        write(tmp_path / "answer", answer if isinstance(answer, str) else json.dumps(answer))
        script = tmp_path / "plugin"
        script.write_text(
            f"#!{sys.executable}\n"
            "import os, sys, pathlib\n"
            "here = pathlib.Path(__file__).parent\n"
            "with open(here / 'runs', 'a') as runs: runs.write('x')\n"
            "(here / 'info').write_text(os.environ['KUBERNETES_EXEC_INFO'] + os.environ.get('EXTRA', ''))\n"
            "print((here / 'answer').read_text())\n"
            "print('plugin says why', file=sys.stderr)\n"
            f"sys.exit({code})\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        values = {"command": "./plugin", "apiVersion": "client.authentication.k8s.io/v1", **(extra or {})}
        return Section(tmp_path / "config", "users[u].user.exec", values)

    return make


def credential(**status: Any) -> dict[str, Any]:
    return {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}


def no_cluster(tmp_path: Path) -> Section:
    return Section(tmp_path / "config", "clusters[c].cluster", {"server": "https://127.0.0.1:6443"})


def runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text())


def test_plugin_runs_once_for_many_requests_and_again_when_the_token_ends(
    plugin: Callable[..., Section], tmp_path: Path
) -> None:
    now = time.time()
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 3600))
    extra = {"env": [{"name": "EXTRA", "value": "extra"}], "provideClusterInfo": True}
    section = plugin(credential(token="one", expirationTimestamp=expiry), extra=extra)
    auth = ExecAuth(section, no_cluster(tmp_path), None, wall_clock=lambda: now)

    async def scenario() -> None:
        nonlocal now
        headers = await asyncio.gather(*(auth.authorization() for _ in range(5)))
        assert set(headers) == {"Bearer one"}
        assert runs(tmp_path) == 1
        now += 3595
        write(tmp_path / "answer", json.dumps(credential(token="two")))
        assert await auth.authorization() == "Bearer two"
        assert runs(tmp_path) == 2
        now += 1e9
        assert await auth.authorization() == "Bearer two", "no expiry: until it is refused"
        await asyncio.gather(*(auth.renew("Bearer two") for _ in range(3)))
        # The plugin gave the same token again, so each refusal of it asks anew.
        write(tmp_path / "answer", json.dumps(credential(token="three")))
        before = runs(tmp_path)
        await asyncio.gather(*(auth.renew("Bearer two") for _ in range(3)))
        assert runs(tmp_path) == before + 1
        assert await auth.authorization() == "Bearer three"

    asyncio.run(scenario())
    info = (tmp_path / "info").read_text()
    assert '"server":"https://127.0.0.1:6443"' in info
    assert info.endswith("extra")


def test_plugin_s_certificate_is_loaded_and_a_new_one_is_a_new_identity(
    plugin: Callable[..., Section], tmp_path: Path, authority: trustme.CA
) -> None:
    def answer() -> dict[str, Any]:
        leaf = authority.issue_cert("client")
        chain = leaf.cert_chain_pems[0].bytes().decode()
        return credential(clientCertificateData=chain, clientKeyData=leaf.private_key_pem.bytes().decode())

    auth = ExecAuth(plugin(answer()), no_cluster(tmp_path), ssl.create_default_context())

    async def scenario() -> None:
        assert await auth.authorization() is None
        before = auth.identity
        await auth.renew(None)
        assert auth.identity == before, "the same certificate"
        write(tmp_path / "answer", json.dumps(answer()))
        await auth.renew(None)
        assert auth.identity == before + 1

    asyncio.run(scenario())


BAD_ANSWERS: dict[str, tuple[Any, str]] = {
    "no JSON": (f"token: {SECRET}", "the plugin's output is not valid JSON"),
    "another kind": ({"kind": "Status"}, "the plugin's output is not an ExecCredential"),
    "another version": (
        {**credential(token=SECRET), "apiVersion": "client.authentication.k8s.io/v1beta1"},
        "output is in 'client.authentication.k8s.io/v1beta1'",
    ),
    "nothing": (credential(), "neither a token nor a certificate"),
    "certificate without key": (credential(clientCertificateData=SECRET), "neither a token nor a cert"),
    "bad expiry": (credential(token=SECRET, expirationTimestamp="soon"), "'soon' is not an RFC 3339 time"),
    "certificate that is none": (
        credential(clientCertificateData=SECRET, clientKeyData=SECRET),
        "certificate and key cannot be used",
    ),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_bad_answer_of_a_plugin_is_told_without_its_secrets(
    name: str, plugin: Callable[..., Section], tmp_path: Path
) -> None:
    answer, expected = BAD_ANSWERS[name]
    auth = ExecAuth(plugin(answer), no_cluster(tmp_path), ssl.create_default_context())
    with pytest.raises(CredentialsError, match=expected) as caught:
        asyncio.run(auth.authorization())
    assert "users[u].user.exec" in str(caught.value)
    assert SECRET not in f"{caught.value}{auth!r}"


def test_failing_plugin_s_own_words_are_told(plugin: Callable[..., Section], tmp_path: Path) -> None:
    auth = ExecAuth(plugin(SECRET, code=3), no_cluster(tmp_path), None)
    with pytest.raises(CredentialsError, match="failed with exit code 3: plugin says why") as caught:
        asyncio.run(auth.authorization())
    assert SECRET not in str(caught.value)


def test_missing_plugin_is_told_with_the_hint_to_install_it(tmp_path: Path) -> None:
    values = {"command": "no-such-plugin-here", "installHint": "get it at the shop", "apiVersion": "v1"}
    section = Section(tmp_path / "config", "users[u].user.exec", values)
    with pytest.raises(CredentialsError, match="No such file or directory; get it at the shop"):
        asyncio.run(ExecAuth(section, no_cluster(tmp_path), None).authorization())


def test_secrets_are_in_no_repr(tmp_path: Path) -> None:
    access = load(tmp_path, document({"token": SECRET, "username": "u", "password": SECRET}))
    assert SECRET not in f"{access!r} {access.auth!r} {access.client()!r}"
    assert SECRET not in repr(Section(tmp_path, "user", {"token": SECRET}))


def test_importing_the_client_does_not_import_the_kubernetes_package() -> None:
    program = "import sys, app.cluster.auth.credentials; print('kubernetes' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_old_auth_provider_is_left_to_the_kubernetes_package(tmp_path: Path) -> None:
    parts = [encoded(json.dumps(part)).rstrip("=") for part in ({"alg": "none"}, {"exp": 4e9, "sub": "user"})]
    token = ".".join([*parts, "c2ln"])
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}
    assert header(load(tmp_path, document(user))) == f"Bearer {token}"
    broken = load(tmp_path, document({"auth-provider": {"name": "oidc", "config": {}}}))
    with pytest.raises(CredentialsError, match=r"users\[u\]\.user\.auth-provider: "):
        header(broken)
