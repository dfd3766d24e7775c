"""Errors in requests to the API server.

ClusterError
|-- CredentialsError     kubeconfig, token, certificate or plugin: names the file and the field
|-- NotServedError            the cluster does not serve a required API
|-- ConnectionFailedError     no response, or an incomplete one
|-- NotLeaderError            another replica is the leader, or may be: this one has sent nothing
`-- ApiError             the API server refused
    |-- UnauthorizedError     401
    |-- ForbiddenError        403
    |-- NotFoundError         404
    |-- ConflictError         409: another client has written first, or the name exists
    |-- GoneError             410: the resourceVersion or the list's continue token is too old
    |-- InvalidError          422
    |-- TooManyRequestsError  429: nothing was done; retry after retry_after seconds
    `-- ServerError      5xx: a write may or may not have been executed

Only statuses that callers handle differently have a class. No message contains a token, a key or a
request body.
"""

from collections.abc import Mapping
from typing import Any

import orjson

# A proxy may return a page of HTML: its beginning is enough.
_MAX_MESSAGE_CHARS = 500


class ClusterError(Exception):
    """Base of all errors of app.cluster."""


class CredentialsError(ClusterError):
    """The credentials cannot be used; ``where`` is the file and, if there is one, the field in it."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


class NotServedError(ClusterError):
    """The API server responds, but does not serve a required API."""


class NotLeaderError(ClusterError):
    """The write was not sent: another replica holds the lease, or may hold it."""


class ConnectionFailedError(ClusterError):
    """No response arrived, or it is incomplete.

    ``sent`` is False only if the request certainly never left: then a write was certainly not executed.
    ``silent`` is True if nothing arrived within the caller's time limit, without another error.
    """

    def __init__(self, request: str, problem: str, *, sent: bool, silent: bool = False) -> None:
        super().__init__(f"{request}: {problem}")
        self.is_write = not request.startswith(("GET ", "WATCH "))
        self.sent = sent
        self.silent = silent


class ApiError(ClusterError):
    """An error response of the API server, from its Status object if it sent one.

    Args:
        request: method and path, for the message.
        status: HTTP status; for an ERROR event of a watch, the code in it.
        reason: Status.reason, such as "AlreadyExists"; "" if none was sent.
        message: Status.message, shortened.
        details: Status.details (causes, kind, name); empty if none was sent.
        retry_after: seconds to wait, or None.
    """

    def __init__(
        self,
        request: str,
        status: int,
        reason: str = "",
        *,
        message: str = "",
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(
            f"{request}: {status} {reason}: {message}" if message else f"{request}: {status} {reason}"
        )
        self.request = request
        self.status = status
        self.reason = reason
        self.message = message
        self.details: Mapping[str, Any] = details or {}
        self.retry_after = retry_after

    def has_cause(self, reason: str) -> bool:
        """Whether Status.details.causes holds this reason."""
        causes = self.details.get("causes")
        return isinstance(causes, list) and any(
            isinstance(cause, dict) and cause.get("reason") == reason for cause in causes
        )


class UnauthorizedError(ApiError):
    """401."""


class ForbiddenError(ApiError):
    """403."""


class NotFoundError(ApiError):
    """404."""


class ConflictError(ApiError):
    """409; ``reason`` distinguishes AlreadyExists from Conflict."""


class GoneError(ApiError):
    """410."""


class InvalidError(ApiError):
    """422."""


class TooManyRequestsError(ApiError):
    """429."""


class ServerError(ApiError):
    """5xx."""


def may_be_under_way(error: ClusterError) -> bool:
    """Whether a write with this error may still be executed: no response arrived, or only a timeout."""
    if isinstance(error, ConnectionFailedError):
        return error.sent and error.is_write
    return isinstance(error, ApiError) and error.status == 504 and not error.request.startswith("GET ")


_BY_STATUS: Mapping[int, type[ApiError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: InvalidError,
    429: TooManyRequestsError,
}


def error_of_response(request: str, status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error of an HTTP response outside 2xx."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        parsed = {"message": body.decode("utf-8", "replace").strip()}
    return error_of_status(request, status, parsed, _seconds(headers.get("retry-after")))


def error_of_status(
    request: str, status: int, answer: Mapping[str, Any], retry_after: float | None = None
) -> ApiError:
    """The error of a Status object: the body of an HTTP response, or the object of an ERROR event.

    For a response that is not a Status, the error contains its text.
    """
    details = answer.get("details")
    if not isinstance(details, dict):
        details = {}
    if retry_after is None:
        retry_after = _seconds(details.get("retryAfterSeconds"))
    kind = _BY_STATUS.get(status) or (ServerError if status >= 500 else ApiError)
    message = str(answer.get("message") or "")[:_MAX_MESSAGE_CHARS]
    reason = str(answer.get("reason") or "")
    return kind(request, status, reason, message=message, details=details, retry_after=retry_after)


def _seconds(value: object) -> float | None:
    # Retry-After may be a date (RFC 9110); the API server sends seconds only.
    if isinstance(value, str) and value.strip().isdecimal():
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return float(value)
    return None
