"""Findings in the formats that code hosts show: SARIF 2.1.0 (OASIS) and JUnit XML."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

TOOL = "dra-extender"
RULE = "manifest"
_STDIN = "-"
_XML_REFUSES = {code: " " for code in range(32) if chr(code) not in "\t\n\r"}


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """A finding: the file, line and column (from 1) and what is wrong there."""

    file: str
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """An object that was checked: its file, its first line, and its name."""

    file: str
    line: int
    name: str


def sarif(findings: Iterable[SourcePosition], version: str) -> dict[str, Any]:
    """A SARIF log with one run. Each finding is an error at its place."""
    rule = {
        "id": RULE,
        "name": "Manifest",
        "shortDescription": {"text": "A manifest that the API server or the scheduler would not accept."},
        "helpUri": "https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/",
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": TOOL, "version": version, "rules": [rule]}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding) for finding in findings],
            }
        ],
    }


def junit(findings: Sequence[SourcePosition], objects: Iterable[Checked], started: str) -> str:
    """JUnit XML: a test suite for each file, and in it a test case for each object.

    A finding fails the object that it is in; before the first object, the file itself.

    Args:
        started: local time without a zone, such as 2026-01-02T03:04:05, as the format has it.
    """
    cases = _cases(findings, objects)
    suites = [
        _suite(number, file, list(group), started)
        for number, (file, group) in enumerate(groupby(cases, key=lambda case: case[0].file))
    ]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *suites, "</testsuites>", ""])


def _result(finding: SourcePosition) -> dict[str, Any]:
    region = {"startLine": max(finding.line, 1), "startColumn": max(finding.column, 1)}
    return {
        "ruleId": RULE,
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": finding.message},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": _uri(finding.file)}, "region": region}}
        ],
    }


def _uri(file: str) -> str:
    """A relative reference for a relative path, so that a code host finds the file in the repository."""
    if file == _STDIN:
        return "stdin"
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


_Case = tuple[Checked, list[SourcePosition]]


def _cases(findings: Sequence[SourcePosition], objects: Iterable[Checked]) -> list[_Case]:
    cases: dict[str, list[_Case]] = {}
    for item in sorted(objects, key=lambda item: (item.file, item.line)):
        cases.setdefault(item.file, []).append((item, []))
    for finding in findings:
        of_file = cases.setdefault(finding.file, [])
        owner = next((found for item, found in reversed(of_file) if item.line <= finding.line), None)
        if owner is None:
            owner = []
            of_file.insert(0, (Checked(finding.file, 0, "file"), owner))
        owner.append(finding)
    return [case for file in sorted(cases) for case in cases[file]]


def _suite(number: int, file: str, cases: list[_Case], started: str) -> str:
    failures = sum(bool(found) for _, found in cases)
    head = (
        f'  <testsuite id="{number}" name={_attribute(file)} package="{TOOL}" timestamp="{started}" '
        f'hostname="localhost" tests="{len(cases)}" failures="{failures}" errors="0" time="0">'
    )
    return "\n".join(
        [
            head,
            "    <properties/>",
            *(_case(item, found) for item, found in cases),
            "    <system-out/>",
            "    <system-err/>",
            "  </testsuite>",
        ]
    )


def _case(item: Checked, findings: list[SourcePosition]) -> str:
    head = f'    <testcase classname={_attribute(item.file)} name={_attribute(item.name)} time="0"'
    if not findings:
        return f"{head}/>"
    first = findings[0].message
    text = "\n".join(f"{at.file}:{at.line}:{at.column}: {at.message}" for at in findings)
    body = escape(text.translate(_XML_REFUSES))
    failure = f'      <failure message={_attribute(first)} type="{RULE}">{body}</failure>'
    return f"{head}>\n{failure}\n    </testcase>"


def _attribute(text: str) -> str:
    return quoteattr(text.translate(_XML_REFUSES))
