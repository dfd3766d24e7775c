"""Cases with in-tree's answers, kept in the repository: tests replay them without Go."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from oracle import Oracle

from app.core.allocator import Fits, Outcome
from app.core.json_object import JsonObject
from app.core.versions import KubernetesVersion
from fuzz import compare, inventory

FOLDER = Path(__file__).parent.parent / "cases"


def record(oracle: Oracle, name: str, about: str, request: JsonObject) -> JsonObject:
    """The case with in-tree's answers filled in.

    Only what is always the same is kept: the oldest allocator's order and steps are not.
    """
    nodes: dict[str, JsonObject] = {}
    ordered = compare.is_ordered(request)
    for node, answer in oracle.ask(request)["nodes"].items():
        nodes[node] = {"verdict": answer["verdict"]}
        if ordered:
            nodes[node]["steps"] = answer["steps"]
            if answer["verdict"] == "fits":
                nodes[node]["allocations"] = compare.without_share_ids(answer.get("allocations", []))
    return {"name": name, "about": about, "request": request, "expect": {"nodes": nodes}}


def write(case: JsonObject, folder: Path = FOLDER) -> Path:
    """Writes a case to a file of its own, an object a line so that diffs can be read."""
    objects = ",\n".join(f"    {json.dumps(item)}" for item in case["request"]["objects"])
    rest = {name: value for name, value in case["request"].items() if name != "objects"}
    nodes = ",\n".join(
        f"    {json.dumps(name)}: {json.dumps(answer)}" for name, answer in case["expect"]["nodes"].items()
    )
    path = folder / f"{case['name']}.json"
    path.write_text(
        f'{{"name": {json.dumps(case["name"])},\n "about": {json.dumps(case["about"])},\n'
        f' "request": {json.dumps(rest)[:-1]},\n  "objects": [\n{objects}]}},\n'
        f' "expect": {{"nodes": {{\n{nodes}}}}}}}\n'
    )
    return path


def named() -> Iterator[JsonObject]:
    """The cases with files of their own."""
    for path in sorted(FOLDER.glob("*.json")):
        yield json.loads(path.read_text())


def corpus_file(version: KubernetesVersion | None = None) -> Path:
    """The file of the generated cases: those of 1.37, or of another minor version."""
    return FOLDER / ("corpus.jsonl.gz" if version is None else f"corpus-{version}.jsonl.gz")


def corpus(version: KubernetesVersion | None = None) -> Iterator[JsonObject]:
    """The generated cases, all in one file."""
    with gzip.open(corpus_file(version), "rt") as lines:
        for line in lines:
            yield json.loads(line)


def mismatch(case: JsonObject, outcomes: dict[str, Outcome]) -> str | None:
    """How the outcomes differ from what was recorded."""
    for node, expected in case["expect"]["nodes"].items():
        outcome = outcomes[node]
        verdict = inventory.verdict(outcome)
        if verdict != expected["verdict"]:
            return f"{node}: {expected['verdict']} expected, not {outcome}"
        if outcome.steps > expected.get("steps", outcome.steps):
            return f"{node}: {outcome.steps} steps, in-tree {expected['steps']}"
        if "allocations" in expected and isinstance(outcome, Fits):
            found = compare.without_share_ids(compare.to_json(outcome))
            if found != expected["allocations"]:
                return f"{node}: {json.dumps(found)} instead of {json.dumps(expected['allocations'])}"
    return None
