"""kubectl's JSONPath templates, and the same ones with the real kubectl."""

import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness.binaries import folder
from hypothesis import given
from hypothesis import strategies as st

from app.cli.output.jsonpath import parse, parse_relaxed
from app.cli.output.path_nodes import JsonPathError

DATA = {
    "kind": "List",
    "items": [
        {"name": "d0", "node": "n1", "state": "free", "count": 3, "labels": {"a.b/c": "x", "zone": "a"}},
        {"name": "d1", "node": "n2", "state": "taken", "count": 11, "claims": ["team/a", "team/b"]},
        {"name": "d2", "node": "n1", "state": "free", "count": 7, "ready": True, "share": 0.5, "none": None},
    ],
}
TEMPLATES = {
    "text": ("plain", "plain"),
    "empty": ("", ""),
    "a field": ("{.kind}", "List"),
    "a field of the root": ("{$.kind}", "List"),
    "the whole": ("{@.items[0].labels}", '{"a.b/c":"x","zone":"a"}'),
    "all names": ("{.items[*].name}", "d0 d1 d2"),
    "wildcard of a list": ("{.items.*.name}", "d0 d1 d2"),
    "wildcard of a mapping": ("{.items[0].labels.*}", "x a"),
    "an index": ("{.items[1].name}", "d1"),
    "from the end": ("{.items[-1].name}", "d2"),
    "a slice": ("{.items[0:2].name}", "d0 d1"),
    "an open slice": ("{.items[1:].name}", "d1 d2"),
    "a slice from the end": ("{.items[-2:].name}", "d1 d2"),
    "a step": ("{.items[0:3:2].name}", "d0 d2"),
    "an empty slice": ("{.items[1:1].name}", ""),
    "a union of indices": ("{.items[0,2].name}", "d0 d2"),
    "a union of keys": ("{.items[0]['name','node']}", "d0 n1"),
    "a quoted key": ("{.items[0]['name']}", "d0"),
    "a key with dots": (r"{.items[0].labels.a\.b/c}", "x"),
    "a quoted key with dots": (r"{.items[0].labels['a\.b/c']}", "x"),
    "missing prints nothing": ("[{.nothing}]", "[]"),
    "missing below": ("{.items[0].nothing.more}", ""),
    "only some have it": ("{.items[*].claims}", '["team/a","team/b"]'),
    "a filter": ('{.items[?(@.state=="free")].name}', "d0 d2"),
    "a filter with single quotes": ("{.items[?(@.state=='taken')].name}", "d1"),
    "not equal": ('{.items[?(@.state!="free")].name}', "d1"),
    "more than": ("{.items[?(@.count>5)].name}", "d1 d2"),
    "at most": ("{.items[?(@.count<=7)].name}", "d0 d2"),
    "a filter on what exists": ("{.items[?(@.claims)].name}", "d1"),
    "a filter on truth": ("{.items[?(@.ready==true)].name}", "d2"),
    "a bracket in quotes": ('{.items[?(@.state==")]")].name}', ""),
    "deep": ("{..zone}", "a"),
    "deep in a part": ("{.items..name}", "d0 d1 d2"),
    "a range": ('{range .items[*]}{.name}={.count}{"\\n"}{end}', "d0=3\nd1=11\nd2=7\n"),
    "a range of ranges": (
        "{range .items[*]}{.name}({range .claims[*]}<{@}>{end}) {end}",
        "d0() d1(<team/a><team/b>) d2() ",
    ),
    "text after a range": ("{range .items[*]}{.name},{end}{.kind}", "d0,d1,d2,List"),
    "an empty range": ("a{range .nothing[*]}{.name}{end}z", "az"),
    "quoted text": ('{"a\\tb"}', "a\tb"),
    "single-quoted text": ("{'it'}", "it"),
    "true": ("{.items[2].ready}", "true"),
    "a fraction": ("{.items[2].share}", "0.5"),
    "null": ("{.items[2].none}", "null"),
    "blanks": ("{ .kind }", "List"),
}


@pytest.mark.parametrize(("template", "text"), TEMPLATES.values(), ids=TEMPLATES)
def test_a_template_prints(template: str, text: str) -> None:
    assert parse(template).render(DATA) == text


WRONG = {
    "no closing brace": "{.kind",
    "end without range": "{.kind}{end}",
    "range without end": "{range .items[*]}{.name}",
    "unknown word": "{kind}",
    "no closing bracket": "{.items[0}",
    "not an index": "{.items[a]}",
    "an empty bracket": "{.items[]}",
    "an open quotation": '{"text}',
    "an open filter": "{.items[?(@.a}",
    "an unknown comparison": "{.items[?(@.a=5)]}",
    "a sign": "{&}",
    "deep twice": "{....name}",
    "a number with two points": "{1.2.3}",
}


@pytest.mark.parametrize("template", WRONG.values(), ids=WRONG)
def test_a_template_that_is_wrong_is_refused(template: str) -> None:
    with pytest.raises(JsonPathError, match=r"\w"):
        parse(template)


UNSUITED = {
    "out of bounds": "{.items[7].name}",
    "a slice out of bounds": "{.items[1:9].name}",
    "a slice backwards": "{.items[2:1].name}",
    "a step of nothing": "{.items[0:2:0].name}",
    "an index of a mapping": "{.items[0].labels[0]}",
    "a filter of a mapping": "{.items[0].labels[?(@.a==1)]}",
    "text and number": '{.items[?(@.count=="3")].name}',
    "several values": "{.items[?(@.labels.*==1)].name}",
    "truth has no order": "{.items[?(@.ready>true)].name}",
}


@pytest.mark.parametrize("template", UNSUITED.values(), ids=UNSUITED)
def test_a_template_that_does_not_suit_the_data_is_refused(template: str) -> None:
    with pytest.raises(JsonPathError, match=r"\w"):
        parse(template).render(DATA)


@pytest.mark.parametrize("path", ["kind", ".kind", "{.kind}", "{kind}", " .kind "])
def test_a_path_needs_no_braces(path: str) -> None:
    assert parse_relaxed(path).values(DATA) == ["List"]


@given(st.text(alphabet="{}[]().,*@$:?'\"\\ ab01=<>!-\nrangeend", max_size=30))
def test_no_text_ends_in_anything_but_a_result_or_an_error(template: str) -> None:
    with contextlib.suppress(JsonPathError):
        assert isinstance(parse(template).render(DATA), str)


# kubectl can print a kubeconfig without a cluster: contexts and users, with lists and mappings in it.
CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "b",
    "contexts": [
        {"name": "a", "context": {"cluster": "one", "user": "u", "namespace": "x"}},
        {"name": "b", "context": {"cluster": "two", "user": "u"}},
        {"name": "c", "context": {"cluster": "one", "user": "v"}},
    ],
    "clusters": [{"name": "one", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [],
}
SAME = (
    "{.contexts[*].name}",
    "{.contexts[-1].name}",
    "{.contexts[0,2].name}",
    "{.contexts[0:2].context.cluster}",
    "{.contexts[0:3:2].name}",
    "{.contexts[1:1].name}",
    "{.contexts[9].name}",
    "{.contexts[2:1].name}",
    '{.contexts[?(@.context.cluster=="one")].name}',
    "{.contexts[?(@.name!='a')].name}",
    "{.contexts[?(@.name>'a')].name}",
    "{.contexts[?(@.context.namespace)].name}",
    '{range .contexts[*]}{.name}{"\\t"}{.context.cluster}{"\\n"}{end}done {.kind}',
    "{range .users[*]}x{end}y",
    "{range .contexts[*]}[{range .context}{.user}{end}]{end}",
    "{['kind','current-context']}",
    "{.nothing}",
    "{.contexts[0].name.x}",
    "{..server}",  # of a name in two branches kubectl prints one or the other first
    "{.clusters[0].cluster.server} {'a'} {1} {2.5} {true}",
    "{.kind",
    "{end}",
    "{.contexts[a]}",
    "{bad}",
    "{.kind[0]}",
    "{.contexts[?(@.name==1)].name}",
)


@pytest.fixture
def kubectl() -> Path:
    program = folder() / "kubectl"
    if not program.exists():
        assert "CI" not in os.environ, "kubectl is not built"
        pytest.skip("kubectl is not built: run `make control-plane`")
    return program


def printed(*command: str | Path) -> str | None:
    """What kubectl prints, or None if it refuses."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def rendered(template: str, data: Any) -> str | None:
    try:
        return parse(template).render(data)
    except JsonPathError:
        return None


@pytest.mark.parametrize("template", SAME)
def test_kubectl_prints_the_same(template: str, kubectl: Path, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(json.dumps(CONFIG))
    theirs = printed(kubectl, "config", "view", "--kubeconfig", file, "-o", f"jsonpath={template}")
    assert rendered(template, CONFIG) == theirs


# `kubectl config view` leaves out what is empty. An object of a kind that kubectl does not know stays whole.
THING: dict[str, Any] = {
    "apiVersion": "example.com/v1",
    "kind": "Thing",
    "metadata": {"name": "t", "annotations": {"a": "b"}},
    "parts": [
        {"name": "text", "value": "x"},
        {"name": "empty", "value": ""},
        {"name": "false", "value": False},
        {"name": "zero", "value": 0},
        {"name": "null", "value": None},
        {"name": "list", "value": []},
        {"name": "missing"},
    ],
}


@pytest.mark.parametrize(
    "template", ["{.parts[?(@.value)].name}", "{.parts[*].value}", "{range .parts[*]}[{.value}]{end}"]
)
def test_kubectl_prints_the_same_of_empty_values(template: str, kubectl: Path, tmp_path: Path) -> None:
    file = tmp_path / "thing.json"
    file.write_text(json.dumps(THING))
    theirs = printed(
        kubectl, "annotate", "--local", "-f", file, "a=b", "--overwrite", "-o", f"jsonpath={template}"
    )
    assert theirs is not None
    assert rendered(template, THING) == theirs
