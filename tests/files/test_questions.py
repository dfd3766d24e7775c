"""Questions that people bring, each with its cluster in the form that its driver publishes: verdict, first
line, and what helps.
"""

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Cli

HERE = Path(__file__).parent
CASES = HERE / "cases"
QUESTIONS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "questions.yaml").read_text(encoding="utf-8"))


def arguments(name: str) -> list[str | Path]:
    """Of the command line, with the files where they are."""
    words = shlex.split(QUESTIONS[name]["run"])
    return [CASES / word if word.endswith(".yaml") else word for word in words]


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_gets_its_answer(cli: Cli, name: str) -> None:
    ran = cli(*arguments(name))

    said = ran.out + ran.err
    assert ran.code == QUESTIONS[name]["code"], said
    at = 0
    for text in QUESTIONS[name].get("says", ()):
        at = said.find(text, at)
        assert at >= 0, f"{text!r} is not (or too early) in\n{said}"
    assert [text for text in QUESTIONS[name].get("never", ()) if text in said] == []


NEW = "apiVersion: resource.k8s.io/v1"
NESTED = ["        exactly:", "          deviceClassName: one # a class"]
CONVERTED: dict[str, dict[int, list[str]]] = {
    "licence-first": {6: [f"{NEW}   # old"]},
    "licence-second": {2: [NEW], 9: [NEW], 18: NESTED},
}


@pytest.mark.parametrize("name", CONVERTED)
def test_what_need_not_change_stays(cli: Cli, name: str) -> None:
    file = CASES / f"{name}.yaml"
    changed = CONVERTED[name]
    before = file.read_text(encoding="utf-8").splitlines()

    after = cli("convert", "-f", file).out.splitlines()

    assert after == [line for number, old in enumerate(before, 1) for line in changed.get(number, [old])]


def test_every_file_of_the_cases_is_asked_about() -> None:
    asked = {word.name for name in QUESTIONS for word in arguments(name) if isinstance(word, Path)}
    assert {file.name for file in CASES.iterdir()} == asked | {f"{name}.yaml" for name in CONVERTED}
