"""docs/api.md, from the OpenAPI document: what each path accepts and what it returns.

python tools/api_page.py           rewrites the page
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.api.line_stream import LINES
from app.api.openapi.errors import ERRORS
from app.main import create_app
from app.settings.settings import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.md"
Schema = Mapping[str, Any]
REFUSALS = {str(code): error.text for code, error in ERRORS.items()}


def page() -> str:
    """Markdown: a section for each operation, then one for each type that they name."""
    document = create_app(Settings(snapshot=("x",))).openapi()
    types: dict[str, Schema] = dict(document["components"]["schemas"])
    lines = [
        "# API",
        "",
        f"The API of version {document['info']['version']}. `make generate` writes this page from",
        "the program. A running service has the same reference at `/docs`, and as OpenAPI 3.1 at",
        "`/openapi.json`, which client generators take whole (3.0 at `/openapi-3.0.json`). In requests,",
        "fields are required unless they are optional or have a default.",
        "",
        document["info"]["description"].rstrip(),
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += ["", f"## {method.upper()} {path}", "", operation.get("summary", "")]
            lines += _described(operation)
            lines += _parameters(operation.get("parameters", []))
            lines += _body(operation.get("requestBody"))
            lines += _answers(operation["responses"])
            lines += _samples(operation)
    lines += [*_refusals(), "", "## Types"]
    for name, schema in sorted(types.items()):
        lines += ["", f"### {name}", *_described(schema), *_fields(schema)]
    return "\n".join(lines) + "\n"


def _parameters(parameters: list[dict[str, Any]]) -> list[str]:
    if not parameters:
        return []
    rows = []
    for item in parameters:
        text = _cell(item.get("description", ""))
        rows.append(f"| `{item['name']}` | {item['in']} | {_type(item['schema'])} | {text} |")
    return ["", "| parameter | in | type | |", "| --- | --- | --- | --- |", *rows]


def _body(body: Schema | None) -> list[str]:
    """The type of a request."""
    if body is None:
        return []
    ((kind, content),) = body["content"].items()
    text = f" {body['description']}" if "description" in body else ""
    return ["", f"Accepts {_type(content['schema'])} as `{kind}`.{text}"]


def _answers(responses: Schema) -> list[str]:
    """The successful responses, and errors that only this operation has."""
    lines: list[str] = []
    for code, item in responses.items():
        if "$ref" in item:
            continue
        for kind, content in item.get("content", {}).items():
            if kind == LINES:
                lines += ["", f"Or the same as lines, `{kind}`: see *Lines* above."]
                continue
            schema = content["schema"]
            shown = schema.get("items", schema)
            named = _type(schema) if "$ref" in schema else f"`{kind}`"
            listed = ", a list of these" if schema.get("type") == "array" else ""
            lines += ["", f"Returns {code} with {named}{listed}.", *_fields(shown)]
    return lines


def _samples(operation: Schema) -> list[str]:
    """The examples in each language, for a service of examples/inventory."""
    return [
        line
        for sample in operation.get("x-codeSamples", ())
        for line in ("", f"```{sample['lang']}", sample["source"].rstrip(), "```")
    ]


def _refusals() -> list[str]:
    rows = [f"| {code} | {_cell(text)} |" for code, text in REFUSALS.items()]
    answer = "Every operation returns an [ErrorAnswer](#erroranswer) on failure. Its `code` does not change:"
    return ["", "## Errors", "", answer, "", "| status | |", "| --- | --- |", *rows]


def _described(schema: Schema) -> list[str]:
    return ["", schema["description"]] if schema.get("description") else []


def _fields(schema: Schema) -> list[str]:
    properties = schema.get("properties")
    if not properties:
        return []
    return ["", "| field | type | default | |", "| --- | --- | --- | --- |", *_rows(schema, properties)]


def _rows(schema: Schema, properties: Mapping[str, Schema]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in properties.items():
        default = "" if name in required else _default(field)
        yield f"| `{name}` | {_cell(_type(field))} | {default} | {_cell(field.get('description', ''))} |"


def _default(field: Schema) -> str:
    value = field.get("default")
    if value in (None, "", [], {}):
        return "optional"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(schema: Schema) -> str:
    """In words, with a link to a type that has its own section."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return _plain_type(schema)


def _plain_type(schema: Schema) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties'])}"
    return f"{kind}{_bounds(schema)}"


def _bounds(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and most is None:
        return ""
    return f", {least:g} to {most:g}" if most is not None else f", {least:g} or more"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
