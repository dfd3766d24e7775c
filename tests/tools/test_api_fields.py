"""The table of fields is what Kubernetes' OpenAPI documents hold."""

import json
import shutil
from typing import Any

import api_fields
import pytest

from app.manifests.validation.api_table import NEWEST, Span, api_table, minor_of


def document(version: str) -> dict[str, Any]:
    if shutil.which("go") is None:
        pytest.skip("Go is not installed, so there is no module cache")
    found = api_fields.document_of(version)
    if found is None:
        pytest.skip(f"the module k8s.io/kubernetes@v{version} is not in the module cache")
    return found


@pytest.mark.parametrize("version", api_fields.VERSIONS)
def test_the_table_has_the_kinds_and_fields_of_the_document(version: str) -> None:
    table, minor = api_table(), minor_of(f"v{version}")
    assert minor is not None

    source = document(version)

    served = {"/".join(key) for key in table.served(minor)}
    assert served == api_fields.kinds_of(source)
    types = api_fields.types_of(source)
    for name, fields in types.items():
        known = {field for field, entry in table.types[name].items() if entry.span.has(minor)}
        assert known == set(fields), name
        for field, target in fields.items():
            entry = table.types[name][field]
            assert f"{'*' if entry.keyed else ''}{entry.type}" == target, f"{name}.{field}"


def test_the_table_is_written_as_the_tool_writes_it() -> None:
    text = api_fields.TABLE.read_text(encoding="utf-8")

    assert api_fields.written(json.loads(text)) == text


def test_every_type_that_a_field_leads_to_is_there() -> None:
    types = api_table().types

    targets = {field.type for fields in types.values() for field in fields.values()} - {""}
    assert targets <= types.keys()


def test_the_newest_version_is_one_of_the_table() -> None:
    assert minor_of(NEWEST) == NEWEST
    assert NEWEST in api_table().versions


SPANS = {
    "all": (Span(), "1.30", True),
    "the first": (Span("1.34"), "1.34", True),
    "before the first": (Span("1.34"), "1.33", False),
    "the last": (Span(last="1.36"), "1.36", True),
    "after the last": (Span(last="1.36"), "1.37", False),
    "as numbers, not as text": (Span("1.4"), "1.37", True),
}


@pytest.mark.parametrize(("span", "minor", "has"), SPANS.values(), ids=SPANS)
def test_spans(span: Span, minor: str, has: bool) -> None:
    assert span.has(minor) == has


@pytest.mark.parametrize(
    ("text", "minor"), [("v1.34.2", "1.34"), ("1.37", "1.37"), ("1.2", None), ("x", None)]
)
def test_versions(text: str, minor: str | None) -> None:
    assert minor_of(text) == minor
