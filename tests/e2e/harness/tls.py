"""TLS to servers that are killed while they are called."""

import ssl
from pathlib import Path


class _Socket(ssl.SSLSocket):
    """Closed when its peer resets the connection.

    CPython's `SSLSocket` reads once from a socket that is not connected any more while it is made. If that
    read fails with a reset, nobody has the new object to close it: a ResourceWarning, in whichever test runs
    when it is collected.
    """

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ConnectionResetError:
            self.close()
            raise


def trusting(ca: Path) -> ssl.SSLContext:
    """A client's context that trusts the certificates of this PEM file."""
    context = ssl.create_default_context(cafile=ca)
    context.sslsocket_class = _Socket
    return context
