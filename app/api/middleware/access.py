"""Access rules by path.

A path under /api/v1 is the resource of the same name in the API group ``dra-extender``, which exists only
in RBAC rules, so that a new endpoint is closed until a rule names it. It is not a non-resource URL, since
every account of a cluster may GET /api/* (ClusterRole system:discovery).
"""

import time
from collections.abc import Callable, Collection

from starlette.datastructures import Headers
from starlette.types import Scope

from app.api.errors import HttpError
from app.api.middleware.client_certificate import peer_in, trust
from app.api.query import namespace_in
from app.api.visibility import May
from app.cluster.client.errors import ClusterError
from app.cluster.client.reviews import AccessAttributes, BusyError, Reviewer, ReviewResult
from app.settings.serving import ServingSettings, is_loopback

GROUP = "dra-extender"
_API = "/api/v1/"
_WEBHOOKS = "/scheduler/"
_OPEN = frozenset({"/", "/docs", "/openapi.json", "/openapi-3.0.json", "/livez", "/readyz", "/healthz"})
_NAMESPACED = frozenset({"claims", "overview", "pods"})
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create"}


def is_guarded(path: str) -> bool:
    """Whether a path requires authentication: all but the page's files, the probes and the reference."""
    return path not in _OPEN and not path.startswith("/web/")


def access_of(method: str, path: str, namespace: str = "") -> AccessAttributes:
    """The RBAC attributes of a request that is not a webhook."""
    verb = _VERBS.get(method, method.lower())
    if not path.startswith(_API):
        # Mainly /metrics, as Prometheus uses it on Kubernetes' own components.
        return AccessAttributes(verb, path=path)
    resource, *rest = path.removeprefix(_API).split("/")
    if resource == "pods" and len(rest) == 3:
        return AccessAttributes(verb, GROUP, resource, rest[2], namespace=rest[0], name=rest[1])
    narrowed = namespace if resource in _NAMESPACED and not rest else ""
    return AccessAttributes(verb, GROUP, resource, namespace=narrowed, name="/".join(rest))


class AccessRules:
    """Authorizes requests by the settings.

    Args:
        reviewer: returns the reviewer of the running service; None before it runs.
        clock: seconds since 1970, for certificates that expire while their connection is open.
    """

    def __init__(
        self,
        settings: ServingSettings,
        reviewer: Callable[[Scope], Reviewer | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._reviewer = reviewer
        self._clock = clock

    async def require(self, scope: Scope) -> str:
        """The user, if known.

        Raises: HttpError: 401 not authenticated, 403 not authorized, 429 or 503 cannot be decided.
        """
        if scope["path"].startswith(_WEBHOOKS) and self._settings.serves("webhooks"):
            return self._webhook(scope)
        if self._settings.auth == "mtls":
            return self._certificate(scope, self._settings.api_client_names)
        if self._settings.auth == "token":
            return await self._token(scope)
        return ""

    def may(self, scope: Scope) -> May | None:
        """Authorizes the caller for more than the request's path; None if callers may see everything."""
        if self._settings.auth != "token" or scope["path"].startswith(_WEBHOOKS):
            return None

        async def allowed(resource: str, namespace: str) -> bool:
            decision = await self._decide(
                scope, AccessAttributes("get", GROUP, resource, namespace=namespace)
            )
            return decision.allowed

        return allowed

    def _webhook(self, scope: Scope) -> str:
        name = ""
        if self._settings.webhook_callers == "certificate":
            name = self._certificate(scope, self._settings.webhook_client_names)
        elif self._settings.webhook_callers == "loopback" and not _is_local(scope):
            text = (
                "the webhooks accept requests from this machine only; for others set "
                "client_ca_file and send a certificate"
            )
            raise HttpError(403, "Forbidden", text)
        trust(scope)
        return name

    def _certificate(self, scope: Scope, names: Collection[str]) -> str:
        peer = peer_in(scope)
        if peer is None:
            raise HttpError(401, "Unauthorized", "a client certificate is required")
        if peer.expires_at <= self._clock():
            raise HttpError(401, "Unauthorized", "the client certificate has expired")
        if names and not set(peer.names) & set(names):
            raise HttpError(403, "Forbidden", "this client certificate's names are not among those allowed")
        return peer.names[0] if peer.names else ""

    async def _token(self, scope: Scope) -> str:
        access = access_of(scope["method"], scope["path"], namespace_in(scope))
        decision = await self._decide(scope, access)
        if decision.user is None:
            text = "the API server rejected this token"
            raise HttpError(401, "Unauthorized", text, headers={"WWW-Authenticate": "Bearer"})
        if not decision.allowed:
            raise HttpError(
                403, "Forbidden", f"{decision.user} may not {access}; docs/security.md has the role"
            )
        return decision.user

    async def _decide(self, scope: Scope, access: AccessAttributes) -> ReviewResult:
        values = Headers(scope=scope).getlist("authorization")
        scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            text = "a bearer token is required: Authorization: Bearer ..."
            raise HttpError(401, "Unauthorized", text, headers={"WWW-Authenticate": "Bearer"})
        reviewer = self._reviewer(scope)
        if reviewer is None:
            raise _nobody_can_say()
        try:
            return await reviewer.decide(token, access)
        except BusyError:
            text = "too many token reviews in progress"
            raise HttpError(429, "TooManyRequests", text, retry_after_seconds=1) from None
        except (ClusterError, TimeoutError):
            raise _nobody_can_say() from None


def _nobody_can_say() -> HttpError:
    text = "the API server is not available to review the token"
    return HttpError(503, "AuthUnavailable", text, retry_after_seconds=2)


def _is_local(scope: Scope) -> bool:
    client = scope.get("client")
    return client is not None and is_loopback(client[0])
