"""Types of the OpenAPI document: each under its name, once, where every reference finds it.

FastAPI defines the types of responses. Bodies are decoded by hand, so their types are inline, with other
types below ``$defs``; client generators need all of them as components.
"""

from collections.abc import Iterator
from typing import Any

from app.api.errors import ErrorAnswer
from app.api.models.body import DESCRIPTIONS
from app.core.json_object import JsonObject

_REF = "#/components/schemas/"
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")
_NAMED = frozenset({*DESCRIPTIONS, "HostPriority", "NodeList"})
"""Types that are spelled out in each place."""
_OF_FIELDS = ("default", "description")
"""What a field adds to its type."""


def tidy_schemas(document: dict[str, Any]) -> None:
    """Moves inline types to the components. Raises: ValueError if two types have one name."""
    types: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _OF_FASTAPI:
        types.pop(name, None)
    for name in types:
        if "__" in name:  # FastAPI's way out if models of two modules have one name
            raise ValueError(f"two types of the API have the name {name.rpartition('__')[2]}")
    errors = ErrorAnswer.model_json_schema(ref_template=_REF + "{model}")
    _define(types, errors)
    for content in list(_contents(document)):
        content["schema"] = _named(types, _lifted(types, content["schema"]))
    for name in list(types):
        types[name] = _named(types, types[name], top=True)
    _untitle(document)
    strict = _reachable(types, [content["schema"] for content in _contents(document, requests_only=True)])
    for name in types.keys() - strict:
        _open(types[name])
    document["components"]["schemas"] = dict(sorted(types.items()))


def _contents(document: JsonObject, *, requests_only: bool = False) -> Iterator[dict[str, Any]]:
    """The media types of all bodies."""
    for item in document["paths"].values():
        for operation in item.values():
            bodies = [operation.get("requestBody", {})]
            if not requests_only:
                bodies += operation.get("responses", {}).values()
            for body in bodies:
                yield from (content for content in body.get("content", {}).values() if "schema" in content)


def _lifted(types: dict[str, Any], schema: JsonObject) -> JsonObject:
    """A reference in place of an inline object or list with a title."""
    if "$defs" in schema or (schema.get("title") and "properties" in schema):
        return {"$ref": _REF + _define(types, schema)}
    return schema


def _define(types: dict[str, Any], schema: JsonObject) -> str:
    for name, inner in schema.get("$defs", {}).items():
        _add(types, name, inner)
    rest = {key: value for key, value in schema.items() if key != "$defs"}
    return _add(types, schema["title"], rest)


def _add(types: dict[str, Any], name: str, schema: JsonObject) -> str:
    if types.setdefault(name, schema) != schema:
        raise ValueError(f"two types of the API have the name {name}")
    return name


def _named(types: dict[str, Any], value: Any, *, top: bool = False) -> Any:
    """The schema with references in place of the types in _NAMED."""
    if isinstance(value, list):
        return [_named(types, item) for item in value]
    if not isinstance(value, dict):
        return value
    name = value.get("title")
    if top or name not in _NAMED or "properties" not in value:
        return {key: _named(types, item) for key, item in value.items()}
    known = DESCRIPTIONS.get(name)
    schema = {key: _named(types, item) for key, item in value.items() if key not in _OF_FIELDS}
    _add(types, name, {**schema, "description": known} if known else schema)
    own = value.get("description", known)
    return {"$ref": _REF + name} if own == known else {"$ref": _REF + name, "description": own}


def _untitle(document: dict[str, Any]) -> None:
    """Removes the titles that pydantic makes from the names of fields and parameters.

    Descriptions are docstrings, in reStructuredText; here they are Markdown.
    """
    for item in document["paths"].values():
        for operation in item.values():
            if "description" in operation:
                operation["description"] = operation["description"].replace("``", "`")
            for parameter in operation.get("parameters", ()):
                parameter["schema"].pop("title", None)
    for schema in document["components"]["schemas"].values():
        for field in (schema, *_inner(schema)):
            if field is not schema:
                field.pop("title", None)
            if "description" in field:
                field["description"] = field["description"].replace("``", "`")


def _inner(schema: JsonObject) -> Iterator[dict[str, Any]]:
    """The schemas below this one."""
    for key in ("properties", "$defs"):
        for inner in schema.get(key, {}).values():
            yield inner
            yield from _inner(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield schema[key]
            yield from _inner(schema[key])
    for key in ("anyOf", "allOf", "oneOf"):
        for inner in schema.get(key, ()):
            yield inner
            yield from _inner(inner)


def _reachable(types: JsonObject, roots: list[Any]) -> set[str]:
    """The names of the types that these schemas contain."""
    found: set[str] = set()
    left = list(roots)
    while left:
        schema = left.pop()
        for item in (schema, *_inner(schema)):
            name = str(item.get("$ref", "")).removeprefix(_REF)
            if name and name not in found:
                found.add(name)
                left.append(types[name])
    return found


def _open(schema: dict[str, Any]) -> None:
    """Lets a type of responses grow: clients must not reject a field that a later version adds."""
    for item in (schema, *_inner(schema)):
        if item.get("additionalProperties") is False:
            del item["additionalProperties"]
