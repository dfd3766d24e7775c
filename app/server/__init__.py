"""What listens: the process, TLS, and connections that may be slow, many or hostile."""

from app.server.process import run

__all__ = ["run"]
