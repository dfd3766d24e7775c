"""Authentication methods: each returns the current Authorization header and renews its credentials."""

import asyncio
import os
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.cluster.auth.exec_plugin import ExecCredential, run_exec_plugin
from app.cluster.auth.kubeconfig import Section
from app.cluster.client.errors import CredentialsError

Headers = tuple[tuple[str, str], ...]

# The kubelet renews a Pod's token at 80 % of its lifetime (at least 10 min): a minute is early enough.
_TOKEN_FILE_SECONDS = 60.0
# A token that expires while the request is in flight is refused.
_EXPIRY_MARGIN_SECONDS = 10.0


class CertificateFiles:
    """A client certificate in files that another program may replace (kubelet, cert-manager)."""

    def __init__(self, certificate: Path, key: Path, tls: ssl.SSLContext) -> None:
        self._paths = (certificate, key)
        self._tls = tls
        self._loaded: tuple[bytes, ...] = ()

    def load(self) -> bool:
        """Reads the files if they have changed. Returns whether they had. Raises: CredentialsError."""
        certificate, key = self._paths
        try:
            content = tuple(path.read_bytes() for path in self._paths)
            if content == self._loaded:
                return False
            self._tls.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
            raise CredentialsError(f"{certificate}, {key}", f"cannot be used: {reason}") from error
        self._loaded = content
        return True


class PlainAuth:
    """A constant header, or none; the client certificate may change."""

    def __init__(
        self,
        header: str | None = None,
        certificate: CertificateFiles | None = None,
        extra_headers: Headers = (),
    ) -> None:
        self._header = header
        self._certificate = certificate
        self.identity = 0
        self.extra_headers = extra_headers

    async def authorization(self) -> str | None:
        return self._header

    async def renew(self, rejected: str | None) -> None:  # noqa: ARG002 - the header is all there is
        if self._certificate is not None and self._certificate.load():
            self.identity += 1


class TokenFileAuth(PlainAuth):
    """A token in a file that another program rewrites; read again every minute, and after a 401."""

    def __init__(
        self,
        path: Path,
        certificate: CertificateFiles | None = None,
        extra_headers: Headers = (),
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(None, certificate, extra_headers)
        self._path = path
        self._now = now
        self._read_at = 0.0

    def read(self) -> None:
        """Reads the file. It is small and local, so it needs no thread. Raises: CredentialsError."""
        try:
            token = self._path.read_text("ascii").strip()
        except OSError as error:
            problem = f"cannot be read: {error.strerror or type(error).__name__}"
            raise CredentialsError(str(self._path), problem) from error
        except ValueError:
            raise CredentialsError(
                str(self._path), "is not a token: contains characters other than ASCII"
            ) from None
        if not token:
            raise CredentialsError(str(self._path), "is empty")
        if not token.isprintable():
            raise CredentialsError(str(self._path), "is not a token: contains more than one line")
        self._header = f"Bearer {token}"
        self._read_at = self._now()

    async def authorization(self) -> str | None:
        if self._header is None or self._now() - self._read_at >= _TOKEN_FILE_SECONDS:
            try:
                self.read()
            except CredentialsError:
                # The file is being replaced: the current token remains valid for a while. If not, the 401
                # reads the file again, and then the error is raised.
                if self._header is None:
                    raise
        return self._header

    async def renew(self, rejected: str | None) -> None:
        await super().renew(rejected)
        self.read()


class ExecAuth:
    """A plugin's token or certificate; the plugin runs again when they expire, and after a 401."""

    def __init__(
        self,
        plugin: Section,
        cluster: Section,
        tls: ssl.SSLContext | None,
        extra_headers: Headers = (),
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._plugin = plugin
        self._cluster = cluster
        self._tls = tls
        self._wall_clock = wall_clock
        self._current: ExecCredential | None = None
        self._lock = asyncio.Lock()
        self.identity = 0
        self.extra_headers = extra_headers

    async def authorization(self) -> str | None:
        if not self._valid():
            async with self._lock:
                if not self._valid():  # else another request has run the plugin meanwhile
                    await self._run()
        return self._header()

    async def renew(self, rejected: str | None) -> None:
        identity = self.identity
        async with self._lock:
            if self._header() == rejected and self.identity == identity:
                await self._run()

    def _valid(self) -> bool:
        if self._current is None:
            return False
        expires_at = self._current.expires_at
        return expires_at is None or self._wall_clock() < expires_at - _EXPIRY_MARGIN_SECONDS

    def _header(self) -> str | None:
        return f"Bearer {self._current.token}" if self._current and self._current.token else None

    async def _run(self) -> None:
        before, self._current = self._current, await run_exec_plugin(self._plugin, self._cluster)
        certificate, key = self._current.certificate, self._current.key
        if certificate and (before is None or before.certificate != certificate):
            if self._tls is None:
                raise self._plugin.error(
                    "command", "the plugin returned a certificate, but the server is not https"
                )
            try:
                load_certificate(self._tls, certificate, key)
            except (ssl.SSLError, OSError) as error:
                reason = getattr(error, "reason", None)
                problem = f"the plugin's certificate and key cannot be used: {reason}"
                raise self._plugin.error("command", problem) from error
            self.identity += 1


class LibraryAuth:
    """The old ``auth-provider`` methods (oidc, gcp), by the kubernetes package, which can refresh them.

    It is imported only here, since that takes half a second and 50 MiB.
    """

    identity = 0

    def __init__(self, user: Section, files: tuple[Path, ...], context: str, extra_headers: Headers) -> None:
        self._user = user
        self._files = files
        self._context = context
        self._configuration: Any = None
        self._lock = asyncio.Lock()
        self.extra_headers = extra_headers

    async def authorization(self) -> str | None:
        async with self._lock:
            return await asyncio.to_thread(self._ask)

    async def renew(self, rejected: str | None) -> None:  # noqa: ARG002 - it renews by its own clock
        self._configuration = None

    def _ask(self) -> str:
        from kubernetes.client import Configuration  # noqa: PLC0415 - see the class
        from kubernetes.config import load_kube_config  # noqa: PLC0415 - see the class

        try:
            if self._configuration is None:
                configuration = Configuration()
                files = os.pathsep.join(map(str, self._files))
                load: Any = load_kube_config  # the package has no types
                load(files, self._context, client_configuration=configuration)
                self._configuration = configuration
            header = self._configuration.get_api_key_with_prefix("BearerToken")
        except Exception as error:
            # A provider may raise any error (HTTP, OAuth, a missing key) because of this field. The text
            # may quote the provider's response with a token, so only the type is shown.
            raise self._user.error("auth-provider", f"no token: {type(error).__name__}") from error
        if not header:
            raise self._user.error("auth-provider", "returned no token")
        return str(header)


def load_certificate(tls: ssl.SSLContext, certificate: str, key: str) -> None:
    """Loads a certificate that is in memory; Python's ssl module reads files only.

    Raises: ssl.SSLError, OSError.
    """
    # Mode 0600, and deleted after these lines.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate}\n{key}\n")
        file.flush()
        tls.load_cert_chain(file.name, password=_no_password)


def _no_password() -> str:
    # Without this OpenSSL prompts for an encrypted key's password, and a service hangs.
    return ""
