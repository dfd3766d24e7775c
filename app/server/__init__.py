"""The HTTP server: the process, TLS, and limits against slow, many or hostile connections."""

from app.server.process import run

__all__ = ["run"]
