"""Logs: one JSON object a line, or text for people. Nothing secret is ever an argument of a log call."""

import datetime as dt
import json
import logging
import sys
from contextvars import ContextVar
from typing import Any, Literal, TextIO

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = (logging.INFO, logging.DEBUG)
_ABOUT: ContextVar[dict[str, Any] | None] = ContextVar("about", default=None)


def set_up_logs(
    style: Literal["json", "text"], verbosity: int = 0, stream: TextIO | None = None
) -> logging.Handler:
    """Sends the logs of this program, and warnings of its libraries, to ``stream`` (default stderr).

    Returns: the handler, for its removal.
    """
    # No line names its place in the sources, a thread or a process: the look-ups are a third of a log call
    # (docs.python.org/3/howto/logging.html, "Optimization").
    logging._srcfile = None  # noqa: SLF001 - documented there
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("app").setLevel(_LEVELS[min(verbosity, 1)])
    return handler


def clear_context(**fields: Any) -> None:
    """Replaces the log context of this task and its children: fields of every line."""
    _ABOUT.set(fields)


def bind_context(**fields: Any) -> None:
    """Adds to the log context: the Pod, its claims, the user."""
    _ABOUT.set({**get_context(), **fields})


def get_context() -> dict[str, Any]:
    """The log context of this task; do not change it."""
    return _ABOUT.get() or {}


class JsonFormatter(logging.Formatter):
    """ts, level, logger, msg, then the log context and the ``extra`` fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """The same fields for people: time, level, message, name=value."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [timestamp(record.created), f"{record.levelname:<7}", record.getMessage()]
        parts += [f"{name}={value}" for name, value in _extra(record).items()]
        # A name in a request must not forge a line.
        text = " ".join(parts).replace("\r", "\\r").replace("\n", "\\n")
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def timestamp(seconds: float) -> str:
    """RFC 3339 with milliseconds, UTC."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    given = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    return {**get_context(), **given}
