"""Builds the OpenAPI 3.1 document of the application."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.middleware.access import is_guarded
from app.api.openapi.code_samples import add_code_samples
from app.api.openapi.errors import error_components, error_responses
from app.api.openapi.examples import add_examples
from app.api.openapi.schemas import tidy_schemas
from app.core.json_object import JsonObject

_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head"})

DESCRIPTION = """\
The API answers whether Pods fit, where, on which devices, and if not, why not. It never writes to the
cluster; only the webhooks of kube-scheduler do.

**Versions.** The version is in the path. Within v1, fields, parameters, reason codes and operations are
added, and none is renamed or removed: ignore response fields that you do not know. Something deprecated is
marked as such here and in the changelog, and continues to work for at least two minor releases and six
months.

**Idempotence.** Every request under /api/v1 is safe to repeat, POST as well: nothing is stored, and the
answer depends on the request and the inventory alone. Retry 429 and 503 after the seconds in Retry-After.

**Lines.** With `Accept: application/x-ndjson`, the lists of nodes, devices, pools, claims and Pods, and
placements, return lines instead of one document: an item, or a Pod, in each, as soon as it is known, and all
of a list without `limit`. The last line is `{"end": ...}`, with the other fields of the document, or
`{"error": ...}`, as in any error response. If both are missing, the connection was lost.

**Caching.** Lists have an ETag, but not as lines. With it in If-None-Match, the response is 304 while nothing
has changed.

**Compression.** Responses are compressed with gzip or zstd if Accept-Encoding lists them, except those of
webhooks, streams of events, and small ones.
"""

TAGS = [
    {"name": "dry runs", "description": "Whether Pods would fit, and what would make them fit."},
    {"name": "inventory", "description": "Nodes, devices, claims and Pods as the service knows them."},
    {"name": "webhooks", "description": "Called by kube-scheduler (k8s.io/kube-scheduler/extender/v1)."},
    {"name": "operation", "description": "Probes and metrics."},
]

SECURITY_SCHEMES: JsonObject = {
    "bearerToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A Kubernetes token, with `--auth token`. Access needs a role: see docs/security.md. "
        "With `--auth mtls`, and for the webhooks, a client certificate is required instead; generators do "
        "not know the scheme mutualTLS, so it is not listed.",
    },
}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1. Cost: about 100 ms of CPU time; call it outside the event loop.

    Raises: ValueError if two types have one name.
    """
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
        servers=[{"url": "/", "description": "The service that returned this document."}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    tidy_schemas(document)
    components = document.setdefault("components", {})
    components["responses"] = error_components()
    components["securitySchemes"] = SECURITY_SCHEMES
    # Whether a service requires it depends on its settings.
    document["security"] = [{}, {"bearerToken": []}]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in _METHODS:
                _complete(path, operation)
    add_examples(document)
    add_code_samples(document)
    return document


def _returns_page(operation: JsonObject) -> bool:
    content = operation["responses"].get("200", {}).get("content", {})
    return str(content.get("application/json", {}).get("schema", {}).get("$ref", "")).endswith("Page")


def _complete(path: str, operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    if _returns_page(operation):
        operation["operationId"] = f"list{name[:1].upper()}{name[1:]}"
    guarded = is_guarded(path)
    if not guarded or path.startswith("/scheduler/"):
        operation["security"] = []
    own = {
        status: response
        for status, response in operation["responses"].items()
        # FastAPI adds its own form of 422, which this service never returns.
        if status != "422"
    }
    operation["responses"] = own | {
        status: response
        for status, response in error_responses(path, operation, guarded=guarded).items()
        if status not in own
    }
