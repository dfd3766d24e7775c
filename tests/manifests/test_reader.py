"""Reading manifests: what kubectl reads, and nothing that hurts."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.pauses import on_pause
from app.manifests import json_pieces, reader
from app.manifests.reader import ManifestError, load_documents, load_manifests, read_paths
from tests.pausing import Meter

NODE = "apiVersion: v1\nkind: Node\nmetadata:\n  name: {name}\n"


def test_documents_lists_and_empty_documents_give_objects_in_order() -> None:
    text = (
        "---\n---\n" + NODE.format(name="a") + "---\nkind: List\nitems:\n- {kind: Pod}\n- {kind: Job}\n---\n"
    )
    assert [item["kind"] for item in load_manifests(text, "x")] == ["Node", "Pod", "Job"]


def test_items_of_a_typed_list_get_its_kind() -> None:
    text = '{"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"name": "a"}}]}'
    assert load_manifests(text, "x") == [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2020-01-01", "2020-01-01"),
        ("12:30", "12:30"),
        ("yes", True),
        ("Off", False),
        ("~", None),
        ('"yes"', "yes"),
        ("0x1F", 31),
        ("017", 15),
        ("0o17", 15),
        ("0b11", 3),
        ("-5", -5),
        ("1_000", 1000),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("99999999999999999999999", 1e23),
        ("18446744073709551615", 2**64 - 1),
        ("40Gi", "40Gi"),
        ("-", [None]),
        ("!!str 5", "5"),
        ('!!int "5"', 5),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars_are_read_as_kubectl_reads_them(text: str, value: object) -> None:
    assert load_documents(text, "x") == [value]


def test_merge_keys_fill_in_what_the_mapping_does_not_say() -> None:
    text = "base: &b {a: 1, c: 2}\nmore: &m {a: 3, d: 4}\nall: {<<: [*b, *m], c: 9}\n"
    assert load_documents(text, "x")[0]["all"] == {"a": 1, "c": 9, "d": 4}


def test_json_texts_may_follow_one_another() -> None:
    assert load_documents('{"a": 1}\n {"b": [2]}{"c": 3}\n', "x") == [{"a": 1}, {"b": [2]}, {"c": 3}]


def test_a_document_in_flow_style_is_yaml() -> None:
    assert load_documents("{a: 1, b: [x]}", "x") == [{"a": 1, "b": ["x"]}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "x:3:1: duplicate key 'a'"),
        (
            "a: [1\nb: 2",
            "x:2:2: not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'",
        ),
        ('{"a": 1,\n "b": [1,}', "x:2:10: not valid JSON: unexpected character, expected a JSON value"),
        ('{"a": 1}\n{"b":', "x:2:6: not valid JSON: unexpected end of data"),
        ("a: !!python/object:os.system x", "x:1:4: the tag tag:yaml.org,2002:python/object:os.system is not"),
        ("a: !!binary aGk=", "x:1:4: the tag tag:yaml.org,2002:binary is not supported in a manifest"),
        ("a: !!set {b}", "x:1:4: the tag tag:yaml.org,2002:set is not supported"),
        ("!!int abc", "x:1:1: 'abc' does not match its tag"),
        ("a: &a [*a]", "x:1:8: the alias *a is not defined"),
        ("a: {<<: 1}", "x:1:9: only mappings can be merged with <<"),
        ("? [a]\n: 1", "x:1:5: a key must be a string"),
        ("%TAG !a! tag:b\n---\na: 1", "x: TAG directives are not supported"),
        ("# a\r%TAG !a! tag:b\r---\ra: 1", "x: TAG directives are not supported"),
        ("# a\u2028%TAG !a! tag:b\n---\na: 1", "x: TAG directives are not supported"),
        ("a: \x01", "x: not valid YAML: unacceptable character #x0001"),
        ('{"a": "\\ud800"}', "x:1:8: not valid JSON"),
        ("- " * 300 + "a", "x:1:401: nested deeper than 200 levels"),
        ("[" * 100_000, "x:1:201: not valid JSON: nested deeper than 200 levels"),
        ('{"a":1}' + '{"a":' * 100_000, "x:1:1008: not valid JSON: nested deeper than 200 levels"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        load_documents(text, "x")
    assert str(caught.value).startswith(message)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ManifestError, match="x:2: not valid UTF-8"):
        load_documents(b"a: 1\nb: \xff", "x")


@given(st.binary(max_size=40), st.integers(1, 9))
def test_the_line_of_a_byte_that_is_no_text_does_not_depend_on_pieces(text: bytes, size: int) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
    else:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_PIECE_BYTES", size)
        with pytest.raises(ManifestError) as caught:
            load_documents(text, "x")
    assert str(caught.value) == f"x:{line}: not valid UTF-8"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"#" * 4_000, id="comment"),
        pytest.param(b"a: " + b"x" * 4_000, id="scalar"),
        pytest.param(b" " * 4_000 + b"a: 1", id="space before YAML"),
        pytest.param(b" " * 4_000 + b"[1]", id="space before JSON"),
        pytest.param("é".encode() * 2_000, id="characters of two bytes"),
        pytest.param(b"a: 1\n#%TAG" + b"%TAG" * 1_000, id="no directives"),
        pytest.param(b"\n" * 4_000 + b"\xff", id="no text at the end"),
    ],
)
def test_a_pass_over_a_long_text_pauses_after_each_piece(
    text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_PIECE_BYTES", 16)
    monkeypatch.setattr(json_pieces, "PIECE_BYTES", 16)
    pauses = 0

    def hook(_cost: int) -> None:
        nonlocal pauses
        pauses += 1

    with on_pause(hook), suppress(ManifestError):
        load_documents(text, "x", max_values=1_000)
    assert pauses >= len(text) / 16


@pytest.mark.parametrize(
    "text", ["a: " + "x" * 5_000, "#" * 5_000, "a: 1\n" + "# b\n" * 1_300, "a:" + " " * 5_000]
)
def test_what_the_parser_would_take_in_one_step_is_bounded(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_TEXT_BYTES", 1_000)
    monkeypatch.setattr(reader, "_PIECE_BYTES", 16)
    with pytest.raises(ManifestError, match="x: a scalar or a comment is longer than"):
        load_documents(text, "x")


def test_a_mapping_with_more_keys_than_can_be_moved_in_one_step_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "MAX_KEYS", 3)
    assert load_documents("a: 1\nb: 1\nc: 1", "x") == [{"a": 1, "b": 1, "c": 1}]
    with pytest.raises(ManifestError, match="x:4:1: a mapping has more than 3 keys"):
        load_documents("a: 1\nb: 1\nc: 1\nd: 1", "x")
    with pytest.raises(ManifestError, match="a mapping has more than 3 keys"):
        load_documents("<<: [{a: 1, b: 1}, {c: 1, d: 1}]", "x")


def test_many_mappings_are_merged_in_steps() -> None:
    sources = ", ".join(f"{{k{index}: {index}, same: {index}}}" for index in range(2_000))
    meter = Meter()
    found = meter.measure(lambda: load_documents(f"<<: [{sources}]", "x"))
    assert found == [{f"k{index}": index for index in range(2_000)} | {"same": 0}]
    assert meter.most < 5_000, meter.where


def test_aliases_cannot_multiply_without_end() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
    )
    with pytest.raises(ManifestError, match="aliases add more than 100000 values"):
        load_documents(bomb, "x")


def test_brackets_without_end_are_given_up_early() -> None:
    # libyaml's time grows with the square of the depth: the source says YAML, so it is asked too.
    with pytest.raises(ManifestError, match="nested deeper"):
        load_documents("[" * 1_000_000, "x.yaml")


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_gives_documents_or_an_error(text: str | bytes) -> None:
    # Any other exception fails the test.
    with suppress(ManifestError):
        assert isinstance(load_manifests(text, "x"), list)


def test_paths_may_be_files_folders_and_stdin(tmp_path: Path) -> None:
    (tmp_path / "inventory" / "more").mkdir(parents=True)
    (tmp_path / "inventory" / "b.yaml").write_text(NODE.format(name="b"))
    (tmp_path / "inventory" / "a.yml").write_text(NODE.format(name="a"))
    (tmp_path / "inventory" / "more" / "c.json").write_text('{"kind": "Node", "metadata": {"name": "c"}}')
    (tmp_path / "inventory" / "README.md").write_text("not: a manifest: at all")
    (tmp_path / "inventory" / ".hidden.yaml").write_text("[")
    (tmp_path / "single.txt").write_text(NODE.format(name="d"))
    found = read_paths(
        [tmp_path / "inventory", tmp_path / "single.txt", "-"], stdin=lambda: NODE.format(name="e").encode()
    )
    assert [item["metadata"]["name"] for item in found] == ["a", "b", "c", "d", "e"]


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="nowhere: No such file or directory"):
        read_paths([tmp_path / "nowhere"])
    with pytest.raises(ManifestError, match="no manifests"):
        read_paths([tmp_path])
