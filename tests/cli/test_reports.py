"""SARIF and JUnit reports of ``check``, and the jobs in examples/ci that write them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
import yaml

from app.cli.output.reports import Checked, SourcePosition, junit, sarif

if TYPE_CHECKING:
    from conftest import Cli

ROOT = Path(__file__).parents[2]
FILES = ("examples/workloads/with-mistakes.yaml", "examples/job-with-cats.yaml")

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
WHOLE = {"type": "integer", "minimum": 1}


def exactly(**properties: Any) -> dict[str, Any]:
    """An object with all of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "$schema"],
        "additionalProperties": False,
    }


def many(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


# The properties of SARIF 2.1.0 that are used here, with their types (OASIS, sections 3.13 to 3.30).
SARIF = exactly(
    **{"$schema": {"type": "string"}},
    version={"const": "2.1.0"},
    runs=many(
        exactly(
            tool=exactly(
                driver=exactly(
                    name={"const": "dra-extender"},
                    version={"type": "string"},
                    rules=many(
                        exactly(
                            id={"type": "string"},
                            name={"type": "string"},
                            shortDescription=TEXT,
                            helpUri={"type": "string", "format": "uri"},
                        )
                    ),
                )
            ),
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            results=many(
                exactly(
                    ruleId={"type": "string"},
                    ruleIndex={"type": "integer", "minimum": 0},
                    level={"enum": ["none", "note", "warning", "error"]},
                    message=TEXT,
                    locations=many(
                        exactly(
                            physicalLocation=exactly(
                                artifactLocation=exactly(uri={"type": "string", "format": "uri-reference"}),
                                region=exactly(startLine=WHOLE, startColumn=WHOLE),
                            )
                        )
                    ),
                )
            ),
        )
    ),
)
# Attributes and children, in order, of the JUnit format of Ant, which Jenkins and GitLab read.
JUNIT: dict[str, tuple[set[str], tuple[str, ...]]] = {
    "testsuites": (set(), ("testsuite",)),
    "testsuite": (
        {"id", "name", "package", "timestamp", "hostname", "tests", "failures", "errors", "time"},
        ("properties", "testcase", "system-out", "system-err"),
    ),
    "testcase": ({"classname", "name", "time"}, ("failure",)),
    "failure": ({"message", "type"}, ()),
    "properties": (set(), ()),
    "system-out": (set(), ()),
    "system-err": (set(), ()),
}


def assert_junit(element: ET.Element) -> None:
    attributes, children = JUNIT[element.tag]
    assert set(element.keys()) == attributes
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order)
    for child in element:
        assert_junit(child)


def test_sarif_is_of_its_format_and_names_each_place(cli: "Cli") -> None:
    ran = cli("check", "-f", *FILES, "-o", "sarif")
    report = json.loads(ran.out)
    validator = jsonschema_rs.validator_for(SARIF, validate_formats=True)
    assert [str(error) for error in validator.iter_errors(report)] == []
    lines = {
        (
            at["artifactLocation"]["uri"],
            at["region"]["startLine"],
        )
        for result in report["runs"][0]["results"]
        for at in [result["locations"][0]["physicalLocation"]]
    }
    plain = cli("check", "-f", *FILES).out
    assert lines == {(line.split(":")[0], int(line.split(":")[1])) for line in plain.splitlines()}
    assert ran.code == 1


def test_junit_is_of_its_format_and_has_a_case_for_each_object(cli: "Cli") -> None:
    ran = cli("check", "-f", *FILES, "-o", "junit")
    root = ET.fromstring(ran.out)  # noqa: S314 - our own output
    assert_junit(root)
    good, bad = root
    assert (good.get("name"), good.get("failures"), good.get("tests")) == (FILES[1], "0", "5")
    assert (bad.get("name"), bad.get("failures")) == (FILES[0], "3")
    assert {case.get("name") for case in bad if case.tag == "testcase"} >= {"ResourceClaim default/flat"}
    assert ran.code == 1


def test_clean_manifests_have_reports_without_findings(cli: "Cli") -> None:
    assert json.loads(cli("check", "-f", FILES[1], "-o", "sarif").out)["runs"][0]["results"] == []
    ran = cli("check", "-f", FILES[1], "-o", "junit")
    assert (ran.code, "<failure" in ran.out) == (0, False)


HOSTILE = 'a "b" <c> & \x07 \ud7ff'


def test_any_text_is_quoted() -> None:
    place = SourcePosition("dir with blank/ä<1>.yaml", 0, 0, HOSTILE)
    root = ET.fromstring(junit([place], [Checked("other", 1, HOSTILE)], "2026-01-02T03:04:05"))  # noqa: S314 - own
    assert_junit(root)
    [mistake] = root.iter("failure")
    assert mistake.get("message") == HOSTILE.replace("\x07", " ")
    [result] = sarif([place], "1")["runs"][0]["results"]
    at = result["locations"][0]["physicalLocation"]
    assert at["artifactLocation"]["uri"] == "dir%20with%20blank/%C3%A4%3C1%3E.yaml"
    assert at["region"] == {"startLine": 1, "startColumn": 1}


@pytest.mark.parametrize(("file", "uri"), [("-", "stdin"), ("/abs/x.yaml", "file:///abs/x.yaml")])
def test_a_file_is_a_uri(file: str, uri: str) -> None:
    [result] = sarif([SourcePosition(file, 1, 1, "m")], "1")["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def scripts(name: str) -> list[str]:
    job = yaml.safe_load((ROOT / "examples" / "ci" / name).read_text("utf-8"))
    if name.startswith("github"):
        lines = [step.get("run", "") for step in job["jobs"]["devices"]["steps"]]
    else:
        lines = job["devices"]["script"]
    return [line for line in lines if line.startswith("dra-extender ")]


@pytest.mark.parametrize("name", ["github.yaml", "gitlab.yaml"])
def test_the_commands_of_a_job_work(name: str, tmp_path: Path) -> None:
    lines = scripts(name)
    assert len(lines) == 2
    inputs = {"MANIFESTS": str(ROOT / FILES[1]), "SNAPSHOT": str(ROOT / "examples/inventory")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for line in lines:
        done = subprocess.run(
            ["bash", "-ec", line],
            cwd=tmp_path,
            env=os.environ | inputs | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    [report] = tmp_path.iterdir()
    assert report.stat().st_size > 200
