"""Reaches a service through the API server's proxy, with the user's own permissions."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from app.cli.problems import InputError, UnreachableError
from app.cli.source import Source
from app.cluster.client.errors import ClusterError, CredentialsError, ForbiddenError
from app.core.json_object import JsonObject

if TYPE_CHECKING:
    from app.cluster.auth.credentials import ApiAccess
    from app.cluster.client.client import ApiClient

_SELECTOR = {"labelSelector": "app.kubernetes.io/name=dra-extender"}
_PORT = "http"
_LEADER = "-leader"


@asynccontextmanager
async def proxied_client(source: Source, limits: httpx.Timeout) -> AsyncGenerator[httpx.AsyncClient, None]:
    """A client of the service, whose requests go through the API server.

    Raises: InputError, UnreachableError: no credentials, no such Service, several, or not permitted.
    """
    try:
        access = source.access()
        namespace, service = await _service(source, access)
        path = f"/api/v1/namespaces/{namespace}/services/{_target(service)}/proxy"
        authorization = await access.auth.authorization()
    except ForbiddenError as error:
        hint = "name it with --server proxy:NAMESPACE/NAME; you need `get` on services/proxy"
        raise UnreachableError(f"cannot find the Service: {error.message or error}", hint) from None
    except CredentialsError as error:
        raise UnreachableError(str(error), "or use the URL of the service with --server") from None
    except ClusterError as error:
        raise UnreachableError(str(error)) from None
    headers = list(access.auth.extra_headers)
    if authorization:
        headers.append(("Authorization", authorization))
    async with httpx.AsyncClient(
        base_url=access.base_url.rstrip("/") + path,
        headers=headers,
        timeout=limits,
        verify=access.ssl_context or True,
        proxy=access.proxy_url,
        event_hooks={"request": [_naming(access)]},
        trust_env=False,
    ) as client:
        yield client


def _naming(access: "ApiAccess") -> Any:
    """Sets the name that the certificate of the API server must have, if the kubeconfig has one."""

    async def set_name(request: httpx.Request) -> None:
        if access.server_name:
            request.extensions["sni_hostname"] = access.server_name

    return set_name


async def _service(source: Source, access: "ApiAccess") -> tuple[str, JsonObject]:
    name = source.server.partition(":")[2]
    client = access.client()
    try:
        if name:
            space, slash, own = name.partition("/")
            if not (space and slash and own) or "/" in own:
                raise InputError(f"--server {source.server!r} is not proxy:NAMESPACE/NAME")
            return space, await client.get(f"/api/v1/namespaces/{space}/services/{own}")
        found = [item for item in await _listed(client, access.namespace) if _port(item)]
    finally:
        await client.aclose()
    # The chart has a second Service for the webhooks, whose endpoint is the leader.
    found = [item for item in found if not str(item["metadata"]["name"]).endswith(_LEADER)]
    names = sorted(f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in found)
    if not found:
        hint = "name it with --server proxy:NAMESPACE/NAME"
        raise UnreachableError(f"the cluster has no Service with {_SELECTOR['labelSelector']}", hint)
    if len(found) > 1:
        hint = f"choose one, such as --server proxy:{names[0]}"
        raise InputError(f"the cluster has several dra-extenders: {', '.join(names)}", hint)
    return found[0]["metadata"]["namespace"], found[0]


async def _listed(client: "ApiClient", namespace: str) -> list[JsonObject]:
    """The labelled Services of all namespaces, or of the own one if that is all the user may list."""
    try:
        page = await client.list_page("/api/v1/services", params=_SELECTOR)
    except ForbiddenError:
        page = await client.list_page(f"/api/v1/namespaces/{namespace}/services", params=_SELECTOR)
    return list(page.get("items") or ())


def _port(service: JsonObject) -> JsonObject | None:
    ports: list[JsonObject] = (service.get("spec") or {}).get("ports") or []
    return next((port for port in ports if port.get("name") == _PORT), None)


def _target(service: JsonObject) -> str:
    """``https:dra-extender:http``, as the proxy's path names a port. Raises: InputError."""
    name, port = service["metadata"]["name"], _port(service)
    if port is None:
        raise InputError(f"the Service {name} has no port named {_PORT}")
    scheme = "https:" if port.get("appProtocol") == "https" else ""
    return f"{scheme}{name}:{_PORT}"
