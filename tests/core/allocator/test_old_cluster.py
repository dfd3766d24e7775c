"""On a cluster of 1.34 with its default gates, nothing is promised that its own scheduler would not place."""

import json
import os
from pathlib import Path

import gobuild
import oracle
import pytest
from fuzz import questions

from app.core.model.features import Features

RECORDED: dict[str, list[str]] = json.loads(questions.RECORDED.read_text())


def test_recorded_questions() -> None:
    """Recorded answers of the allocator of 1.34, and the rule of NodeResourcesFit for extended resources."""
    wrong, fits, extended, templates = {}, 0, 0, 0
    for number, placed in RECORDED.items():
        asked = questions.question(int(number))
        promised = questions.too_much(asked, placed)
        if promised:
            wrong[number] = promised
        fits += bool(placed)
        extended += bool(asked.extended)
        templates += "resourceClaimTemplateName" in json.dumps(asked.pod)
    assert wrong == {}
    assert min(fits, extended, templates) > len(RECORDED) / 10


def test_the_rules_of_a_newer_version_would_promise_more() -> None:
    newer = Features()
    more = [
        number
        for number, placed in RECORDED.items()
        if {*questions.here(questions.question(int(number)), newer)[0]} - {*placed}
    ]
    assert more != []


@pytest.mark.oracle
def test_new_questions() -> None:
    """OLD_CLUSTER_QUESTIONS=2000 asks more."""
    uv = Path(os.environ["UV"]) if "UV" in os.environ else None
    try:
        program = oracle.binary(questions.VERSION.name, uv=uv)
    except gobuild.BuildError as error:
        pytest.skip(f"no oracle: {error}")
    number = int(os.environ.get("OLD_CLUSTER_QUESTIONS", "100"))
    with oracle.Oracle("allocate", program) as running:
        seen = questions.run(running, range(1000, 1000 + number))
    assert seen["questions"] == number
    assert seen["differences"] == 0
