"""Converts the document to OpenAPI 3.0, for generators that do not read 3.1.

Without what 3.0 cannot express: the summary of the API, and the license's identifier.
"""

from typing import Any

from app.core.json_object import JsonObject

_NULL = {"type": "null"}


def as_openapi_30(document: JsonObject) -> dict[str, Any]:
    """A copy in OpenAPI 3.0.3. Cost: O(document), a few milliseconds."""
    made: dict[str, Any] = {key: _converted(value) for key, value in document.items()}
    made["openapi"] = "3.0.3"
    info = made["info"]
    info.pop("summary", None)
    info.get("license", {}).pop("identifier", None)
    return made


def _converted(value: Any) -> Any:
    if isinstance(value, list):
        return [_converted(item) for item in value]
    if not isinstance(value, dict):
        return value
    # Beside a schema, examples are data.
    kept = ("example", "examples") if "schema" in value else ()
    made = {key: item if key in kept else _converted(item) for key, item in value.items()}
    if "const" in made:
        made["enum"] = [made.pop("const")]
    if "$ref" in made and len(made) > 1:
        # In 3.0 nothing beside a reference counts.
        return {"allOf": [{"$ref": made.pop("$ref")}], **made}
    if isinstance(made.get("anyOf"), list) and _NULL in made["anyOf"]:
        return _nullable(made)
    return made


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    others = [item for item in schema.pop("anyOf") if item != _NULL]
    if len(others) > 1:
        return schema | {"anyOf": others, "nullable": True}
    if "$ref" in others[0]:
        return schema | {"allOf": others, "nullable": True}
    return {**others[0], **schema, "nullable": True}
