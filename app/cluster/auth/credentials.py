"""Credentials and address of the API server: from kubeconfig or the Pod's service account."""

import base64
import binascii
import ipaddress
import os
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.cluster.auth.auth import (
    CertificateFiles,
    ExecAuth,
    LibraryAuth,
    PlainAuth,
    TokenFileAuth,
    load_certificate,
)
from app.cluster.auth.kubeconfig import Section, Selected, read_kubeconfig
from app.cluster.auth.overrides import NO_OVERRIDES, Overrides
from app.cluster.client.call import Timeouts
from app.cluster.client.client import ApiClient
from app.cluster.client.errors import CredentialsError
from app.cluster.client.identity import Auth

if TYPE_CHECKING:
    from aiohttp import TraceConfig

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_DEFAULT_KUBECONFIG = Path("~/.kube/config")


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Everything needed to talk to one API server.

    ``namespace`` is the context's or the Pod's own; ``source`` is where the credentials were found;
    ``cluster`` is the kubeconfig's name of the cluster.
    """

    base_url: str
    ssl_context: ssl.SSLContext | None
    auth: Auth = field(repr=False)
    namespace: str = "default"
    server_name: str | None = None
    proxy_url: str | None = field(default=None, repr=False)
    source: str = ""
    cluster: str = ""

    def client(self, timeouts: Timeouts | None = None, *, observer: "TraceConfig | None" = None) -> ApiClient:
        """``observer``: called for each request, see AiohttpTransport."""
        from app.cluster.client.transport import AiohttpTransport  # noqa: PLC0415 - aiohttp, for clusters only

        transport = AiohttpTransport(
            self.ssl_context, server_name=self.server_name, proxy_url=self.proxy_url, observer=observer
        )
        return ApiClient(self.base_url, transport, auth=self.auth, timeouts=timeouts)


def load_access(
    kubeconfig: Path | None = None,
    context: str = "",
    overrides: Overrides = NO_OVERRIDES,
    *,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> ApiAccess:
    """Finds the credentials: the given file, else KUBECONFIG, else the Pod's own, else ~/.kube/config.

    A context, and the name of a cluster or user, require a kubeconfig.

    Raises: CredentialsError, naming file and field.
    """
    if kubeconfig is not None:
        return from_kubeconfig((kubeconfig,), context, overrides)
    listed = tuple(Path(name) for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name)
    if listed:
        return from_kubeconfig(listed, context, overrides)
    named = context or overrides.cluster or overrides.user
    if not named and environ.get("KUBERNETES_SERVICE_HOST"):
        return from_service_account(environ, service_account, overrides)
    default = Path(environ.get("HOME", "~")) / ".kube" / "config"
    if not default.expanduser().exists():
        raise CredentialsError(
            str(_DEFAULT_KUBECONFIG), "no such file; use --kubeconfig, set KUBECONFIG, or run in a Pod"
        )
    return from_kubeconfig((default,), context, overrides)


def from_service_account(
    environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT, overrides: Overrides = NO_OVERRIDES
) -> ApiAccess:
    """The service account that the kubelet mounts into a Pod; its token rotates."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    authority = folder / "ca.crt"
    try:
        context = _verifying(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise CredentialsError(str(authority), f"cannot be used: {_why(error)}") from error
    if overrides.token:
        auth = PlainAuth(overrides.authorization, extra_headers=overrides.headers)
    else:
        auth = file = TokenFileAuth(folder / "token", extra_headers=overrides.headers)
        file.read()
    namespace_file = folder / "namespace"
    namespace = namespace_file.read_text().strip() if namespace_file.exists() else "default"
    url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return ApiAccess(url, context, auth, namespace, source=str(folder))


def from_kubeconfig(
    files: tuple[Path, ...], context: str = "", overrides: Overrides = NO_OVERRIDES
) -> ApiAccess:
    """The context's cluster and user, or those that replace them."""
    selected = read_kubeconfig(files, context, cluster=overrides.cluster, user=overrides.user)
    cluster = selected.cluster
    server = cluster.text("server")
    if not server.startswith(("https://", "http://")):
        raise cluster.error("server", f"must be an http(s) URL, is {server!r}")
    tls = _tls(cluster) if server.startswith("https://") else None
    return ApiAccess(
        base_url=server,
        ssl_context=tls,
        auth=_auth(selected, files, tls, overrides),
        namespace=selected.namespace or "default",
        server_name=cluster.text("tls-server-name") or None,
        proxy_url=_proxy(cluster, server),
        source=f"{cluster.file}, context {selected.context}",
        cluster=selected.name,
    )


def _proxy(cluster: Section, server: str) -> str | None:
    """The kubeconfig's proxy, else the environment's (HTTPS_PROXY, NO_PROXY), as kubectl does.

    A Pod's service account ignores the environment: NO_PROXY there often contains the cluster's addresses
    as networks, which Python does not support.
    """
    named = cluster.text("proxy-url")
    if named:
        if not named.startswith(("http://", "https://")):
            raise cluster.error("proxy-url", "only http:// and https:// proxies are supported")
        return named
    parts = urlsplit(server)
    host = parts.hostname or ""
    if _is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(cluster: Section) -> ssl.SSLContext:
    data, file = cluster.text("certificate-authority-data"), cluster.path("certificate-authority")
    if cluster.flag("insecure-skip-tls-verify"):
        if data or file:
            raise cluster.error("insecure-skip-tls-verify", "contradicts certificate-authority")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    key = "certificate-authority-data" if data else "certificate-authority"
    try:
        return _verifying(cafile=file, cadata=_decoded(cluster, key) if data else None)
    except (OSError, ssl.SSLError) as error:
        name = f" ({file})" if file and not data else ""
        raise cluster.error(key, f"cannot be used{name}: {_why(error)}") from error


def _verifying(*, cafile: Path | None, cadata: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if cadata else cafile, cadata=cadata)
    # Python 3.13 requires an Authority Key Identifier, which the CA of many clusters does not have.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context


def _auth(
    selected: Selected, files: tuple[Path, ...], tls: ssl.SSLContext | None, overrides: Overrides
) -> Auth:
    """The user's authentication by kubectl's precedence: token file before token; certificate with either."""
    user = selected.user
    if user is None:
        return PlainAuth(overrides.authorization, extra_headers=overrides.headers)
    headers = overrides.headers or _impersonation(user)
    certificate = _certificate(user, tls)
    if overrides.token:
        return PlainAuth(overrides.authorization, certificate, headers)
    token_file, plugin = user.path("tokenFile"), user.section("exec")
    if token_file:
        auth = TokenFileAuth(token_file, certificate, headers)
        auth.read()
        return auth
    fixed = _fixed_header(user)
    if fixed is None and plugin:
        return ExecAuth(plugin, selected.cluster, tls, headers)
    if fixed is None and user.section("auth-provider"):
        return LibraryAuth(user, files, selected.context, headers)
    return PlainAuth(fixed, certificate, headers)


def _fixed_header(user: Section) -> str | None:
    token, name = user.text("token").strip(), user.text("username")
    if token:
        if not (token.isascii() and token.isprintable()):
            raise user.error("token", "is not a token: contains characters other than printable ASCII")
        return f"Bearer {token}"
    if name:
        # Kubernetes no longer supports this; a proxy in front of it may.
        pair = f"{name}:{user.text('password')}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return None


def _certificate(user: Section, tls: ssl.SSLContext | None) -> CertificateFiles | None:
    if tls is None:
        return None
    certificate, key = (_pem_source(user, name) for name in ("client-certificate", "client-key"))
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "client-certificate" if certificate is None else "client-key"
        raise user.error(missing, "not set: certificate and key require each other")
    if isinstance(certificate, Path) and isinstance(key, Path):
        pair = CertificateFiles(certificate, key, tls)
        pair.load()
        return pair
    texts = [part.read_text() if isinstance(part, Path) else part for part in (certificate, key)]
    try:
        load_certificate(tls, *texts)
    except (ssl.SSLError, OSError) as error:
        raise user.error("client-certificate", f"cannot be used with its key: {_why(error)}") from error
    return None


def _pem_source(user: Section, name: str) -> Path | str | None:
    """The file, or the PEM text of the inline data, which has precedence."""
    if user.text(f"{name}-data"):
        return _decoded(user, f"{name}-data")
    path = user.path(name)
    if path is not None and not path.is_file():
        raise user.error(name, f"no such file: {path}")
    return path


def _decoded(section: Section, key: str) -> str:
    try:
        return base64.b64decode(section.text(key), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise section.error(key, "is not a PEM file in base64") from None


def _impersonation(user: Section) -> tuple[tuple[str, str], ...]:
    """Ignoring these would use more permissions than the kubeconfig grants."""
    headers = [("Impersonate-User", user.text("as")), ("Impersonate-Uid", user.text("as-uid"))]
    headers += [("Impersonate-Group", group) for group in user.texts("as-groups")]
    extra = user.section("as-user-extra")
    if extra:
        headers += [(f"Impersonate-Extra-{key}", value) for key in extra.values for value in extra.texts(key)]
    return tuple((name, value) for name, value in headers if value)


def _why(error: Exception) -> str:
    # The reason alone: OpenSSL's full text names source lines, an OSError's repeats the path.
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__)
