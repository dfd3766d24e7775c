"""The parameters that a route has: any other is an error, and so is one that is given twice.

A misspelled parameter that is ignored returns the wrong answer, such as all devices instead of the free ones.
"""

from collections.abc import Collection, Iterator, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.api.errors import HttpError

_MAX_SHOWN = 100
"""Characters of an unknown name in a message."""
_MAX_DIGITS = 20
"""More than any number of a cursor has; above 4,300, ``int`` raises ValueError."""


def whole_number(text: str) -> int | None:
    """The number that these digits are; None for other texts, and for more digits than a number here has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


async def require_known_parameters(request: Request) -> None:
    """A dependency of every route of the API. Raises: HttpError, 400."""
    if not request.scope["query_string"]:
        return
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not route.include_in_schema:
        return  # a page, whose scripts read the query
    known = _parameters(route.dependant)
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            raise unknown_parameter(name, known)
        if name in seen and not known[name]:
            raise HttpError(400, "InvalidParameter", "give this parameter once", f"query.{name}")
        seen.add(name)


def unknown_parameter(name: str, known: Collection[str]) -> HttpError:
    """The error about a parameter that a route does not have."""
    shown = name[:_MAX_SHOWN]
    there = f"known parameters: {', '.join(sorted(known))}" if known else "there are none here"
    return HttpError(400, "UnknownParameter", f"unknown parameter {shown!r}; {there}", f"query.{shown}")


def _parameters(dependant: Dependant) -> dict[str, bool]:
    """The names of the query parameters, and whether each may be repeated."""
    return {
        field.alias: _is_list(field.field_info.annotation)
        for part in _with_dependencies(dependant)
        for field in part.query_params
    }


def _with_dependencies(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _with_dependencies(inner)


def _is_list(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return any(_is_list(item) for item in get_args(annotation))
    return isinstance(origin, type) and issubclass(origin, Sequence)
