"""The answers of the in-tree allocator, recorded: verdicts, allocations, and no more search steps."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from fuzz import inventory, recorded

from app.core.allocator import Fits
from app.core.versions import version_named

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "fuzz.jsonl.gz"


@pytest.mark.parametrize("case", list(recorded.named()), ids=lambda case: case["name"])
def test_named_case(case: dict[str, Any]) -> None:
    assert recorded.mismatch(case, inventory.answer(case["request"])) is None


def test_corpus_of_generated_cases() -> None:
    wrong = {
        case["name"]: found
        for case in recorded.corpus()
        if (found := recorded.mismatch(case, inventory.answer(case["request"]))) is not None
    }
    assert wrong == {}


@pytest.mark.parametrize("version", ["1.33", "1.34", "1.35", "1.36", "1.38"])
def test_corpus_of_another_version(version: str) -> None:
    wrong = {
        case["name"]: found
        for case in recorded.corpus(version_named(version))
        if (found := recorded.mismatch(case, inventory.answer(case["request"]))) is not None
    }
    assert wrong == {}


def test_versions_differ_on_their_cases() -> None:
    """With the rules of 1.37, cases of other versions have another answer."""
    for version in ("1.33", "1.34", "1.35", "1.36", "1.38"):
        cases = list(recorded.corpus(version_named(version)))
        known = [case["request"] | {"kubernetesVersion": "1.37"} for case in cases]
        assert any(
            recorded.mismatch(case, inventory.answer(request)) is not None
            for case, request in zip(cases, known, strict=True)
        )


@pytest.mark.skipif(not SHARED.exists(), reason="the shared cases are not beside the repository")
def test_every_verdict_of_the_shared_cases() -> None:
    wrong = []
    with gzip.open(SHARED, "rt") as lines:
        for line in lines:
            case = json.loads(line)
            outcomes = inventory.answer(case["request"])
            for node, expected in case["expect"]["nodes"].items():
                found = inventory.verdict(outcomes[node])
                if found != expected["verdict"] and expected["verdict"] != "order-dependent":
                    wrong.append((case["name"], node, expected["verdict"], found))
    assert wrong == []


def test_cases_cover_all_verdicts_and_features() -> None:
    verdicts = {
        answer["verdict"] for case in recorded.corpus() for answer in case["expect"]["nodes"].values()
    }
    switched = {name for case in recorded.corpus() for name in case["request"]["features"]}
    assert verdicts == {"fits", "misfit", "invalid"}
    assert {
        "CompatibilityGroups",
        "DerivedAttributes",
        "ListTypeAttributes",
        "OptionalNodeOperations",
    } <= switched


def test_rank_tells_which_subrequest_was_chosen() -> None:
    case = next(
        item for item in recorded.named() if item["name"] == "first-available-takes-the-first-that-fits"
    )
    (outcome,) = inventory.answer(case["request"]).values()
    assert isinstance(outcome, Fits)
    assert outcome.ranks == (1,)
