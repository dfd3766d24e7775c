"""What cel-go, set up as Kubernetes sets it up, says of expressions: recorded, and asked anew.

``cases/named.json`` has expressions over every library by hand, ``cases/corpus.jsonl.gz`` random ones.
The answers were made with tests/oracle, which ``make fuzz-cel`` compares new expressions with.
"""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import gobuild
import oracle
import pytest
from cel_fuzz.__main__ import answer, fuzz, same, shape_of
from cel_fuzz.words import BARE, DEVICE

from app.core.model.parse import parse
from app.core.model.resource_claim import ResourceClaim
from app.core.model.resource_slice import ResourceSlice
from app.core.selectors import CelCompileError, CelFeatures, CelRuntimeError, SelectorCache, compile_selector
from app.core.selectors.environment import compile_expression
from app.core.selectors.reference import compile_reference

CASES = Path(__file__).parent / "cases"
SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "cel.jsonl.gz"
NAMED: dict[str, Any] = json.loads((CASES / "named.json").read_text())


@pytest.mark.parametrize("group", sorted({case["group"] for case in NAMED["cases"]}))
def test_every_library(group: str) -> None:
    shape = shape_of(NAMED["device"])
    wrong = [
        (case["expression"], case["verdict"], found)
        for case in NAMED["cases"]
        if case["group"] == group
        and (found := answer("selector", case["expression"], shape)[0]) != case["verdict"]
    ]
    assert wrong == []


def test_random_expressions() -> None:
    shapes = {False: shape_of(DEVICE), True: shape_of(BARE)}
    wrong = []
    with gzip.open(CASES / "corpus.jsonl.gz", "rt") as lines:
        for line in lines:
            case = json.loads(line)
            verdict, value = answer(case["mode"], case["expression"], shapes[case["bare"]])
            if verdict != case["verdict"] or not same(value, case.get("attribute")):
                wrong.append((case, verdict, value))
    assert wrong == []


@pytest.mark.skipif(not SHARED.exists(), reason="the shared cases are not beside the repository")
def test_every_verdict_of_the_shared_cases() -> None:
    wrong = []
    with gzip.open(SHARED, "rt") as lines:
        for line in lines:
            case = json.loads(line)
            objects = [parse(raw) for raw in case["request"]["objects"]]
            (device,) = next(item for item in objects if isinstance(item, ResourceSlice)).devices
            claim = next(item for item in objects if isinstance(item, ResourceClaim))
            (request,) = claim.spec.requests
            assert request.exactly is not None
            (text,) = request.exactly.selectors
            found = answer("selector", text or "", device.shape)[0]
            (expected,) = case["expect"]["nodes"].values()
            if found != expected["verdict"]:
                wrong.append((case["expression"], expected["verdict"], found))
    assert wrong == []


@pytest.mark.oracle
def test_new_expressions() -> None:
    uv = Path(os.environ["UV"]) if "UV" in os.environ else None
    try:
        program = oracle.binary(uv=uv)
    except gobuild.BuildError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no oracle: {error}")
    exclusions = fuzz(2000, seed=7, program=program)
    assert exclusions["expressions"] == 2000
    assert exclusions["differences"] == 0


ERRORS = [
    ("device.driver ==", 1, 16, "syntax error"),
    ("device.driver == 1", 1, 14, "no matching overload"),
    ("true &&\n  device.nothing == 1", 2, 8, "undefined field"),
    ("device.driver", None, None, "must evaluate to bool"),
    ("unknown == 1", 1, 0, "undeclared reference"),
    ('"a".matches("(")', 1, 12, "matches"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), ERRORS, ids=[case[0] for case in ERRORS])
def test_errors_point_at_their_place(text: str, line: int | None, column: int | None, message: str) -> None:
    error = compile_selector(text).error
    assert error is not None
    assert message in str(error)
    assert (error.line, error.column) == (line, column)


def test_a_missing_key_is_named() -> None:
    cache = SelectorCache()
    selector = cache.get('device.attributes["gpu.example.com"].nothing == "x"', CelFeatures())
    with pytest.raises(Exception, match=r"no such key: nothing$") as found:
        selector.matches(shape_of(DEVICE))
    assert type(found.value).__name__ == "CelRuntimeError"


def test_the_cache_is_bounded_keeps_broken_selectors_and_counts() -> None:
    cache = SelectorCache(size=2)
    first = cache.get("1 == 1", CelFeatures())
    broken = cache.get("1 ==", CelFeatures())
    assert cache.get("1 ==", CelFeatures()) is broken
    assert broken.error is not None
    cache.get("2 == 2", CelFeatures())
    assert len(cache) == 2
    assert cache.get("1 == 1", CelFeatures()) is not first
    assert (cache.hits, cache.misses) == (1, 4)
    assert cache.get("1 == 1", CelFeatures()).matches(shape_of(BARE))
    assert sum(cache.evaluations().values()) == 1


def test_what_came_of_compilations_is_counted() -> None:
    fast, reference = SelectorCache(), SelectorCache(engine="reference")
    for cache in (fast, reference):
        for text in ("1 ==", 'device.driver == "a"', "[1].map(x, x).size() == 1", 'device.driver == "a"'):
            cache.get(text, CelFeatures())
    assert fast.outcomes == {"compiled": 1, "interpreted": 1, "reference": 0, "invalid": 1}
    assert reference.outcomes == {"compiled": 0, "interpreted": 1, "reference": 1, "invalid": 1}


def test_the_reference_engine_agrees_wherever_it_takes_an_expression() -> None:
    """cel-python against cel-go's recorded answers: what it takes on, it gets right."""
    shapes = {False: shape_of(DEVICE), True: shape_of(BARE)}
    cases = [(case["expression"], False, case["verdict"]) for case in NAMED["cases"]]
    with gzip.open(CASES / "corpus.jsonl.gz", "rt") as lines:
        corpus = [json.loads(line) for line in lines]
    cases += [
        (item["expression"], item["bare"], item["verdict"]) for item in corpus if item["mode"] == "selector"
    ]
    taken, wrong = 0, []
    for text, bare, expected in cases:
        try:
            tree = compile_expression(text, CelFeatures()).tree
        except CelCompileError:
            continue
        if compile_reference(text, tree, lambda _shape: False, [0]) is None:
            continue
        taken += 1
        selector = compile_selector(text, engine="reference")
        try:
            found = "fits" if selector.matches(shapes[bare]) else "misfit"
        except CelRuntimeError:
            found = "invalid"
        if found != expected:
            wrong.append((text, expected, found))
    assert wrong == []
    assert taken > 500
