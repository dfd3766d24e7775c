"""Parameters of queries that several lists share.

The namespace, on which access depends, is read in one way by who checks and by who answers.
"""

from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.datastructures import QueryParams
from starlette.types import Scope

from app.api.errors import HttpError
from app.core.model.errors import FieldError
from app.core.model.label_selector import LabelSelector, parse_label_selector

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


async def _labels(
    selector: Annotated[
        str,
        Query(
            alias="labelSelector",
            description="Only items with these labels, in kubectl's syntax: `a=b,c!=d,e in (f,g),h,!i`.",
        ),
    ] = "",
) -> LabelSelector | None:
    """None selects everything. Raises: HttpError, 400."""
    try:
        return parse_label_selector(selector) if selector.strip() else None
    except FieldError as error:
        raise HttpError(400, "InvalidParameter", error.reason, "query.labelSelector") from None


Labels = Annotated[LabelSelector | None, Depends(_labels)]
Names = Annotated[list[str] | None, Query(alias="name", description="Only items of this name; repeatable.")]


def is_named(names: list[str] | None, *own: str) -> bool:
    """Whether one of an item's own names, longer or shorter, is among those requested."""
    return names is None or any(name in names for name in own)
