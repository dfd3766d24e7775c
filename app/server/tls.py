"""TLS of the server, with certificates that are replaced while it runs.

cert-manager and the kubelet replace files in place, the kubelet all at once by a symlink. A context
cannot forget a CA, so each change makes a new one; connections that are open keep what they were made
with. docs/decisions/030-one-port-for-all-callers.md says why one listener asks for client certificates
and takes callers without one.
"""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.settings.settings import SettingsError

log = logging.getLogger(__name__)

RELOAD_SECONDS = 5.0
"""Between two looks at the files."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files. ``client_ca``: whose client certificates are good; None asks for none."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def digest(self) -> bytes:
        """Changes when a file has. Raises: OSError."""
        found = hashlib.sha256()
        for path in (self.certificate, self.key, self.client_ca):
            if path is not None:
                found.update(hashlib.sha256(path.read_bytes()).digest())
        return found.digest()


class _Renewed(ssl.SSLContext):
    """Stands where asyncio wants a context, and makes each connection from the newest one."""

    newest: ssl.SSLContext

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return self.newest.wrap_bio(*args, **kwargs)


class Tls:
    """The context to listen with, kept up with its files."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises: SettingsError, if the files are no certificate with its key."""
        self._files = files
        self.context = _Renewed(ssl.PROTOCOL_TLS_SERVER)
        try:
            self._digest = files.digest()
            self.context.newest = _context(files)
        except (OSError, ValueError) as error:
            raise SettingsError(f"TLS cannot be served: {_text(error, files)}") from None
        self._complained = ""

    async def follow(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Takes new files up for as long as it runs; what is unreadable or half replaced changes nothing."""
        while True:
            await sleep(RELOAD_SECONDS)
            self.reload()

    def reload(self) -> bool:
        """Whether there was something new to take up. An error is logged, once while it stays the same."""
        try:
            digest = self._files.digest()
            if digest == self._digest:
                return False
            self.context.newest = _context(self._files)
        except (OSError, ValueError) as error:
            text = _text(error, self._files)
            if text != self._complained:
                log.error("new TLS files are not taken up: %s", text)  # noqa: TRY400 - the text says it all
            self._complained = text
            return False
        self._digest, self._complained = digest, ""
        log.info("new TLS files are served", extra={"certificate": str(self._files.certificate)})
        return True


def _context(files: TlsFiles) -> ssl.SSLContext:
    # As of Python 3.10: TLS 1.2 at least, ciphers with forward secrecy, no compression.
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.certificate, files.key, password=_no_password)
    if files.client_ca is not None:
        context.load_verify_locations(files.client_ca)
        # A certificate that is shown has to be good; who must show one, the path decides.
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _no_password() -> str:
    # Without this OpenSSL asks the terminal, and waits.
    raise ValueError("the key is encrypted")


def _text(error: Exception, files: TlsFiles) -> str:
    if isinstance(error, ssl.SSLError):
        named = ", ".join(str(path) for path in (files.certificate, files.key, files.client_ca) if path)
        return f"{named}: {error.reason or error}"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)
