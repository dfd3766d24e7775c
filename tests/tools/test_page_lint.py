"""What the linter of the page's modules refuses: its settings say more than its defaults."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OXLINT = Path(sys.executable).with_name("oxlint")

REFUSED = {
    "text read as HTML": ("element.innerHTML = text;", "no-restricted-properties"),
    "text read as HTML beside an element": (
        'element.insertAdjacentHTML("beforeend", text);',
        "no-restricted-properties",
    ),
    "a name that is not defined": ("element.append(texts);", "no-undef"),
    "text run as a program": ("eval(text);", "no-eval"),
    "something that is never used": ("const other = text;", "no-unused-vars"),
    "a loose comparison": ("if (text == 1) element.append(text);", "eqeqeq"),
}


def lint(path: Path, line: str) -> subprocess.CompletedProcess[str]:
    (path / "module.js").write_text(f"export function show(element, text) {{\n  {line}\n}}\n")
    command = [str(OXLINT), "--deny-warnings", "--config", str(ROOT / ".oxlintrc.json"), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("line", "rule"), REFUSED.values(), ids=REFUSED)
def test_a_module_is_refused_for(tmp_path: Path, line: str, rule: str) -> None:
    found = lint(tmp_path, line)
    assert found.returncode == 1
    assert f"({rule})" in found.stdout


def test_text_that_stays_text_is_taken(tmp_path: Path) -> None:
    found = lint(tmp_path, "element.append(text);")
    assert found.returncode == 0, found.stdout
