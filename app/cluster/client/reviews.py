"""Reviews of bearer tokens by the API server: authentication (TokenReview) and authorization
(SubjectAccessReview). Results are cached for seconds, so that a page does not need a review for each of
its requests, and a revoked permission soon ends. Tokens are never stored, only their SHA-256.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.cluster.client.client import ApiClient

KEPT_SECONDS = 10.0
MAX_KEPT = 1024
MAX_UNDER_WAY = 16
"""Maximum number of concurrent reviews: guessing tokens must not put load on the API server."""

_TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
_ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@dataclass(frozen=True, slots=True)
class AccessAttributes:
    """The attributes of an access, as in an RBAC rule: a resource, or else a path."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    def __str__(self) -> str:
        what = self.path or "/".join(part for part in (self.resource, self.subresource) if part)
        return f"{self.verb} {what}" + (f" in group {self.group}" if self.group else "")

    def to_json(self) -> dict[str, Any]:
        """The attributes in a SubjectAccessReview's spec."""
        if self.path:
            return {"nonResourceAttributes": {"path": self.path, "verb": self.verb}}
        fields = ("verb", "group", "resource", "subresource", "namespace", "name")
        return {"resourceAttributes": {name: value for name in fields if (value := getattr(self, name))}}


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """``user`` is None for an unknown token."""

    user: str | None
    allowed: bool = False


class BusyError(Exception):
    """Too many reviews are in progress."""


class Reviewer(Protocol):
    """Authenticates and authorizes tokens."""

    async def decide(self, token: str, access: AccessAttributes) -> ReviewResult:
        """Raises: ClusterError if the API server is not available, BusyError."""


class TokenReviewer:
    """Calls the API server. Requires create on tokenreviews and subjectaccessreviews."""

    def __init__(
        self, client: ApiClient, clock: Callable[[], float], audiences: tuple[str, ...] = ()
    ) -> None:
        self._client = client
        self._clock = clock
        self._audiences = audiences
        self._kept: OrderedDict[tuple[bytes, AccessAttributes], tuple[float, ReviewResult]] = OrderedDict()
        self._users: OrderedDict[bytes, tuple[float, Mapping[str, Any] | None]] = OrderedDict()
        self._under_way = 0

    async def decide(self, token: str, access: AccessAttributes) -> ReviewResult:
        key = (hashlib.sha256(token.encode()).digest(), access)
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        if self._under_way >= MAX_UNDER_WAY:
            raise BusyError
        self._under_way += 1
        try:
            decision = await self._review_token(token, key)
        finally:
            self._under_way -= 1
        _keep(self._kept, key, (self._clock() + KEPT_SECONDS, decision))
        return decision

    async def _review_token(self, token: str, key: tuple[bytes, AccessAttributes]) -> ReviewResult:
        digest, access = key
        expires_at, user = self._users.get(digest, (0.0, None))
        if expires_at <= self._clock():
            user = await self._user(token)
            _keep(self._users, digest, (self._clock() + KEPT_SECONDS, user))
        if user is None:
            return ReviewResult(None)
        return ReviewResult(str(user["username"]), await self._may(user, access))

    async def _user(self, token: str) -> Mapping[str, Any] | None:
        spec: dict[str, Any] = {"token": token}
        if self._audiences:
            spec["audiences"] = list(self._audiences)
        status = await self._review(_TOKEN_REVIEWS, "authentication.k8s.io", "TokenReview", spec)
        user = status.get("user")
        if status.get("authenticated") is not True or not isinstance(user, dict) or not user.get("username"):
            return None
        # An authenticator without support for audiences leaves them out: its token may be for any audience.
        if self._audiences and not set(self._audiences) & set(status.get("audiences") or ()):
            return None
        return user

    async def _may(self, user: Mapping[str, Any], access: AccessAttributes) -> bool:
        spec = {
            "user": user["username"],
            "groups": user.get("groups") or [],
            "uid": user.get("uid") or "",
            "extra": user.get("extra") or {},
            **access.to_json(),
        }
        status = await self._review(_ACCESS_REVIEWS, "authorization.k8s.io", "SubjectAccessReview", spec)
        return status.get("allowed") is True and status.get("denied") is not True

    async def _review(self, path: str, group: str, kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        body = {"apiVersion": f"{group}/v1", "kind": kind, "spec": dict(spec)}
        async with asyncio.timeout(10):
            answer = await self._client.post(path, body)
        status = answer.get("status")
        return status if isinstance(status, dict) else {}


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MAX_KEPT:
        kept.popitem(last=False)
