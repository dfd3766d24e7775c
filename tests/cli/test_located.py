"""Where a field stands: the line that a person would look at."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.cli.located import Located, locate, path_of
from app.cli.rules import cel_errors
from app.core.model.errors import path_text
from app.core.selectors import CelFeatures

TEXT = """\
# A comment.
apiVersion: v1
kind: List
items:
- apiVersion: resource.k8s.io/v1beta1
  kind: ResourceClaim
  metadata: {name: a, labels: {x: y}}
  spec:
    devices:
      requests:
      - name: r
        deviceClassName: gpu
        selectors:
        - cel:
            expression: |-
              first
              second
      - {name: s, deviceClassName: gpu}
---
kind: Pod
metadata: &meta
  name: b
spec:
  other: *meta
---
{"kind": "Pod", "metadata": {
  "name": "c"}}
"""


def located() -> dict[str, Located]:
    return {item.raw["metadata"]["name"]: item for item in locate(TEXT.encode(), "text")}


PLACES = {
    "an object of a list": ("a", "", 5),
    "a key": ("a", "spec.devices", 9),
    "a key in a flow": ("a", "metadata.labels.x", 7),
    "an item": ("a", "spec.devices.requests[0]", 11),
    "a field of an item": ("a", "spec.devices.requests[0].deviceClassName", 12),
    "a field as v1 names it": ("a", "spec.devices.requests[0].exactly.deviceClassName", 12),
    "an item in a flow": ("a", "spec.devices.requests[1].deviceClassName", 18),
    "a field that is not there": ("a", "spec.devices.requests[1].exactly.count", 18),
    "a second document": ("b", "metadata.name", 22),
    "inside an alias": ("b", "spec.other.name", 24),
    "JSON": ("c", "metadata.name", 27),
}


@pytest.mark.parametrize(("name", "path", "line"), PLACES.values(), ids=PLACES.keys())
def test_a_field_has_its_line(name: str, path: str, line: int) -> None:
    assert located()[name].line(path_of(path)) == line


def test_a_line_of_a_block_scalar_is_found_in_the_file() -> None:
    path = path_of("spec.devices.requests[0].selectors[0].cel.expression")

    lines = [located()["a"].text_place(path, line, 0)[0] for line in (1, 2)]

    assert [TEXT.splitlines()[line - 1].strip() for line in lines] == ["first", "second"]


names = st.text("abcdefgh", min_size=1, max_size=8)
values = st.recursive(
    st.integers(0, 9) | names,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def paths_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for part, inner in entries:
        yield from paths_in(inner, (*path, part))


@given(st.dictionaries(names, values, min_size=1, max_size=4), st.booleans())
def test_every_key_stands_in_the_line_that_is_named(document: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(document, default_flow_style=flow, width=20)
    (item,) = locate(text.encode(), "text")

    for path in paths_in(document):
        line = text.splitlines()[item.line(path) - 1]
        if path and isinstance(path[-1], str):
            assert path[-1] in line
        assert path_of(path_text(path)) == path


CLASS = """\
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {{name: c}}
spec:
  selectors:
  - cel:
      expression: {}
"""
# What is wrong in an expression stands after the mark ¦.
COLUMNS = {
    "plain": "true && ¦wrong",
    "plain, over two lines": "true &&\n        ¦wrong",
    "single quotes": '\'"a" == "b" && ¦wrong\'',
    "doubled single quotes": "'''a'' == ''b'' && ¦wrong'",
    "single quotes, over lines with a blank one": "'''a'' == ''b''\n\n          && ¦wrong'",
    "double quotes": '"true && ¦wrong"',
    "escaped quotes": r'"\"a\" == \"b\" && ¦wrong"',
    "escaped characters": r'"\x27\u0061\U0001F600\x27 == \x27b\x27 && ¦wrong"',
    "an escaped line break": r'"true &&\n ¦wrong"',
    "an escaped tab and blank": r'"true\t&&\x20¦wrong"',
    "double quotes, over two lines": '"true &&\n        ¦wrong"',
    "lines that a backslash joins": '"true && \\\n        ¦wrong"',
    "a word that a backslash splits": '"tr\\\n        ue && ¦wrong"',
    "a literal block": "|\n        true &&\n          ¦wrong",
    "a literal block with a number": "|2-\n          true &&\n          ¦wrong",
    "a folded block": ">\n        true &&\n        ¦wrong",
    "a folded block with a blank line": ">-\n        true &&\n\n        ¦wrong",
    "a folded block with deeper lines": ">\n        (true\n          && true) &&\n        ¦wrong",
}


@pytest.mark.parametrize("source", COLUMNS.values(), ids=COLUMNS.keys())
def test_an_error_in_an_expression_is_where_it_is_in_the_file(source: str) -> None:
    text = CLASS.format(source)
    before = text[: text.index("¦")]
    (item,) = locate(text.replace("¦", "").encode(), "f.yaml")
    ((path, line, column, message),) = cel_errors(item.raw, CelFeatures())
    assert "wrong" in message
    assert item.text_place(path, line, column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))


def test_an_expression_that_is_longer_than_the_api_server_takes() -> None:
    text = CLASS.format("|\n        true\n" + "        || true\n" * 1_500)
    (item,) = locate(text.encode(), "f.yaml")
    ((path, line, column, message),) = cel_errors(item.raw, CelFeatures())
    assert "at most 10240 bytes, not 12005" in message
    # "true" and 1,279 lines of eight characters are 10,237 bytes; the limit is in the line after them.
    assert item.text_place(path, line, column) == (8 + 1280, 9 + 3)
