# ruff: noqa: E501 - tables
"""docs/cel.md names every function and macro of the environment, and the environment is Kubernetes'."""

import json
import os
import re
import subprocess
from pathlib import Path

import gobuild
import oracle
import pytest

from app.core.selectors import CelFeatures
from app.core.selectors.environment import environment

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "cel.md").read_text()
GROUPS = {
    case["group"]
    for case in json.loads((Path(__file__).parent / "cases" / "named.json").read_text())["cases"]
}
MACROS = {"all", "bind", "exists", "existsOne", "exists_one", "filter", "has", "map", "optFlatMap", "optMap", "sortBy",
          "transformList", "transformMap", "transformMapEntry"}  # fmt: skip
SIGNS = {"_&&_": "&&", "_||_": "||", "_?_:_": "?:", "!_": "!", "-_": "-", "@in": "in", "_[_]": '[d]["x"]',
         "_?._": ".?x", "_[?_]": "[?x]"}  # fmt: skip
# What macros become, and what takes an authorizer, which no expression on devices can get.
UNREACHABLE = {"cel.@mapInsert", "allowed", "check", "error", "errored", "fieldSelector", "group", "labelSelector", "name",
               "namespace", "path", "reason", "resource", "serviceAccount", "subresource"}  # fmt: skip
# Names of former versions, which the parser does not give and no expression can write.
FORMER = {"in", "_in_", "__not_strictly_false__"}


def rows() -> list[list[str]]:
    table = PAGE[PAGE.index("## Where each function is evaluated") :]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in lines[2:]]


def test_every_function_and_macro_is_in_the_table() -> None:
    named = " ".join(row[0] for row in rows())
    missing = []
    for name in sorted(environment(CelFeatures()).functions.keys() | MACROS):
        if name in UNREACHABLE or (name.startswith("@") and name != "@in"):
            continue
        sign = SIGNS.get(name, name.strip("_"))
        if sign.replace("|", "\\|") not in named:
            missing.append(name)
    assert missing == []


def test_every_row_says_where_its_cases_are() -> None:
    known = GROUPS | {"random expressions"}
    assert {part for row in rows() for part in row[-1].split(", ")} <= known


@pytest.mark.oracle
@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("lists", [False, True])
def test_the_environment_is_the_one_of_kubernetes(*, new: bool, lists: bool) -> None:
    try:
        program = oracle.binary(uv=Path(os.environ["UV"]) if "UV" in os.environ else None)
    except gobuild.BuildError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no oracle: {error}")
    evaluation = {"mode": "environment", "new": new, "features": {"EnableListTypeAttributes": lists}}
    asked = subprocess.run(
        [program, "cel"], input=json.dumps(evaluation), capture_output=True, text=True, check=True
    )
    theirs = {
        name: [overload.split("(")[0].split(" ")[1] for overload in overloads]
        for name, overloads in json.loads(asked.stdout)["functions"].items()
        if name not in FORMER
    }
    ours = environment(CelFeatures(list_type_attributes=lists, new_expressions=new)).functions
    assert {name: [overload.id for overload in group] for name, group in ours.items()} == theirs
