"""Parameters of a query that access depends on, read in one way by who checks and by who answers."""

from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.datastructures import QueryParams
from starlette.types import Scope

from app.api.errors import HttpError

_NAMESPACE = "namespace"


def namespace_in(scope: Scope) -> str:
    """The namespace that a list is narrowed to; empty for all of them.

    Raises: HttpError, 400, for a parameter that is there twice: two readers could take one each.
    """
    given = QueryParams(scope["query_string"]).getlist(_NAMESPACE)
    if len(given) > 1:
        raise HttpError(400, "InvalidParameter", "give one namespace, or none for all", f"query.{_NAMESPACE}")
    return given[0] if given else ""


async def _namespace(
    request: Request,
    # For the OpenAPI document alone: its value is the last of several.
    namespace: Annotated[str, Query(description="Only items of this namespace.")] = "",  # noqa: ARG001 - as above
) -> str:
    return namespace_in(request.scope)


Namespace = Annotated[str, Depends(_namespace)]
