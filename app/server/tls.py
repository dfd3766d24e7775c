"""TLS of the server, with certificates that are reloaded while it runs. cert-manager and the kubelet
replace files in place, the kubelet atomically by a symlink. A context cannot drop a CA, so each change
creates a new one; open connections keep theirs. docs/decisions/030-one-port-for-all-callers.md explains
why one listener requests client certificates and also accepts clients without one.
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
"""Interval between two checks of the files."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files. ``client_ca``: the CAs of client certificates; None requests no certificates."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def digest(self) -> bytes:
        """Changes when a file changes. Raises: OSError."""
        found = hashlib.sha256()
        for path in (self.certificate, self.key, self.client_ca):
            if path is not None:
                found.update(hashlib.sha256(path.read_bytes()).digest())
        return found.digest()


class _Renewed(ssl.SSLContext):
    """Takes the place of a context in asyncio, and creates each connection from the newest one."""

    newest: ssl.SSLContext

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        return self.newest.wrap_bio(*args, **kwargs)


class Tls:
    """The context to listen with, reloaded when its files change.

    ``protocol``: the one that is spoken over TLS, as ALPN names it.
    """

    def __init__(self, files: TlsFiles, protocol: str = "http/1.1") -> None:
        """Raises: SettingsError, if the files are not a certificate with its key."""
        self._files = files
        self._protocol = protocol
        self.context = _Renewed(ssl.PROTOCOL_TLS_SERVER)
        try:
            self._digest = files.digest()
            self.context.newest = _context(files, protocol)
        except (OSError, ValueError) as error:
            raise SettingsError(f"TLS cannot be served: {_text(error, files)}") from None
        self._complained = ""

    async def follow(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Reloads changed files while it runs; unreadable or partly replaced files change nothing."""
        while True:
            await sleep(RELOAD_SECONDS)
            self.reload()

    def reload(self) -> bool:
        """Whether it has reloaded files. Logs an error once while it stays the same."""
        try:
            digest = self._files.digest()
            if digest == self._digest:
                return False
            self.context.newest = _context(self._files, self._protocol)
        except (OSError, ValueError) as error:
            text = _text(error, self._files)
            if text != self._complained:
                log.error("TLS files not reloaded: %s", text)  # noqa: TRY400 - the text says it all
            self._complained = text
            return False
        self._digest, self._complained = digest, ""
        log.info("TLS files reloaded", extra={"certificate": str(self._files.certificate)})
        return True


def _context(files: TlsFiles, protocol: str) -> ssl.SSLContext:
    # As of Python 3.10: TLS 1.2 at least, ciphers with forward secrecy, no compression.
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols([protocol])
    context.load_cert_chain(files.certificate, files.key, password=_no_password)
    if files.client_ca is not None:
        context.load_verify_locations(files.client_ca)
        # A client certificate must be valid if sent; whether it is required depends on the path.
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _no_password() -> str:
    # Without this OpenSSL prompts on the terminal.
    raise ValueError("the key is encrypted")


def _text(error: Exception, files: TlsFiles) -> str:
    if isinstance(error, ssl.SSLError):
        named = ", ".join(str(path) for path in (files.certificate, files.key, files.client_ca) if path)
        return f"{named}: {error.reason or error}"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)
