"""Questions to a cluster of an old version: Pods with claims, templates and extended resources.

``python -m fuzz.questions --n 2000`` compares dry runs and filter with what the cluster's own scheduler does.
``--record 150`` writes the answers that the tests replay without Go; do so after changes to the generator.
"""

import argparse
import copy
import json
import random
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from oracle import Oracle, binary

from app.core.dry_run.place import place
from app.core.json_object import JsonObject
from app.core.model.features import NAMES, Features
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import verdicts
from app.core.versions import version_named
from fuzz import compare, generator, versions

RECORDED = Path(__file__).parent.parent / "questions-1.34.json"
VERSION = version_named("1.34")
FEATURES = Features.of(VERSION)
_FIRST = 500_000
_BY_PLUGIN, _BY_CLASS = "example.com/plugin", "example.com/gpu"
_SELECTORS = SelectorCache()


@dataclass(frozen=True, slots=True)
class Question:
    """``request`` has the claims that the Pod has or gets, ``objects`` and ``pod`` are what users write.

    ``extended`` are the extended resources that the Pod requests.
    """

    request: JsonObject
    objects: list[JsonObject]
    pod: JsonObject
    extended: Mapping[str, int]


def question(number: int) -> Question:
    """The question of that number, always the same."""
    rng = random.Random(f"question {number}")  # noqa: S311 - reproducible, not secret
    request = versions.for_version(generator.odd_case(_FIRST + number), VERSION, number)
    request["features"] = {name: getattr(FEATURES, NAMES[name]) for name in request["features"]}
    objects, pod = copy.deepcopy(request["objects"]), copy.deepcopy(request["pods"][0])
    extended = _extended(objects, rng) if rng.random() < 0.35 else {}
    requests = {name: str(amount) for name, amount in extended.items()}
    pod["spec"]["containers"] = [{"name": "c", "image": "i", "resources": {"requests": requests}}]
    if extended and rng.random() < 0.4:
        pod["spec"]["resourceClaims"] = []
        request = request | {"pods": [pod]}
    elif rng.random() < 0.4:
        objects = _with_templates(objects, pod)
    return Question(request, objects, pod, extended)


def _extended(objects: list[JsonObject], rng: random.Random) -> dict[str, int]:
    classes = [item for item in objects if item["kind"] == "DeviceClass"]
    implicit = f"deviceclass.resource.kubernetes.io/{classes[0]['metadata']['name']}"
    classes[0]["spec"]["extendedResourceName"] = _BY_CLASS
    for item in objects:
        if item["kind"] == "Node" and rng.random() < 0.7:
            offered = {_BY_PLUGIN: str(rng.randint(0, 2))}
            if rng.random() < 0.3:
                offered[_BY_CLASS] = str(rng.randint(0, 2))
            item["status"] = {"allocatable": offered}
    names = rng.sample((implicit, _BY_CLASS, _BY_PLUGIN), rng.choice((1, 1, 1, 2)))
    return {name: rng.choice((1, 1, 2)) for name in names}


def _with_templates(objects: list[JsonObject], pod: JsonObject) -> list[JsonObject]:
    """The objects with templates instead of the claims that nobody holds yet."""
    made = {}
    for item in objects:
        if item["kind"] == "ResourceClaim" and "allocation" not in item.get("status", {}):
            made[item["metadata"]["name"]] = item
    for entry in pod["spec"]["resourceClaims"]:
        name = entry["resourceClaimName"]
        if name in made:
            del entry["resourceClaimName"]
            entry["resourceClaimTemplateName"] = name
    used = {entry.get("resourceClaimTemplateName") for entry in pod["spec"]["resourceClaims"]}
    return [_template(item) if _is_claim(item, used) else item for item in objects]


def _is_claim(item: JsonObject, names: set[Any]) -> bool:
    return item["kind"] == "ResourceClaim" and item["metadata"]["name"] in names


def _template(item: JsonObject) -> JsonObject:
    return {
        "apiVersion": item["apiVersion"],
        "kind": "ResourceClaimTemplate",
        "metadata": item["metadata"],
        "spec": {"spec": item["spec"]},
    }


def offers(asked: Question) -> set[str]:
    """The nodes that NodeResourcesFit lets through: with the gate off, only what nodes offer counts.

    How much of it is left is kube-scheduler's arithmetic, as of CPU; a dry run does not count it.
    """
    found = set()
    for item in asked.objects:
        if item["kind"] == "Node":
            offered = item.get("status", {}).get("allocatable", {})
            if all(int(offered.get(name, "0")) > 0 for name in asked.extended):
                found.add(item["metadata"]["name"])
    return found


def in_tree(asked: Question, oracle: Oracle) -> list[str]:
    """The nodes on which the cluster's own scheduler would place the Pod."""
    offering = offers(asked)
    if not asked.request["pods"][0]["spec"].get("resourceClaims"):
        return sorted(offering)
    answers = oracle.ask(asked.request | {"timeoutMs": compare.TIMEOUT_MS})["nodes"]
    return sorted(node for node in offering if answers[node]["verdict"] == "fits")


def here(asked: Question, features: Features = FEATURES) -> tuple[list[str], list[str]]:
    """The nodes that fit by a dry run, and by filter."""
    numbers = count()
    rules = Rules(_SELECTORS, lambda: f"share-{next(numbers)}", generate_claims=True, features=features)
    state = State()
    for raw in asked.objects:
        item = parse(raw)
        if not isinstance(item, InventoryObject):
            raise TypeError(f"a question has no use for {raw['kind']}")
        state.upsert(item)
    pod = parse(asked.pod)
    if not isinstance(pod, Pod):
        raise TypeError("a question is about a Pod")
    nodes = sorted(state.nodes)
    evaluation = PodEvaluation(state, pod, rules)
    filtered = [
        name for name, found in verdicts(evaluation, nodes, VerdictCache(state)) if found.verdict == "fits"
    ]
    (placed,) = place(state, [pod], nodes, rules)
    return [answer.node for answer in placed.answers if answer.verdict == "fits"], filtered


def too_much(asked: Question, placed: list[str]) -> list[str]:
    """The nodes that fit here and not in-tree."""
    dry, filtered = here(asked)
    return sorted({*dry, *filtered} - {*placed})


def _orders(asked: Question, oracle: Oracle, node: str) -> bool:
    """Whether in-tree places the Pod on the node in some order of its map of pools."""
    return node in offers(asked) and compare.may_say(oracle, asked.request, node, "fits")


def run(oracle: Oracle, numbers: range) -> Counter[str]:
    """Asks both, and prints what fits here only."""
    seen: Counter[str] = Counter()
    for number in numbers:
        asked = question(number)
        placed = in_tree(asked, oracle)
        seen["questions"] += 1
        seen["that fit somewhere"] += bool(placed)
        seen["with extended resources"] += bool(asked.extended)
        for node in too_much(asked, placed):
            if _orders(asked, oracle, node):
                seen["order-dependent"] += 1
                continue
            seen["differences"] += 1
            _say(f"question {number}: fits on {node} here, not in-tree: {json.dumps(asked.pod)}")
    return seen


def record(oracle: Oracle, number: int) -> None:
    """Writes the nodes on which in-tree places the first questions."""
    answers = {}
    for at in range(number):
        asked = question(at)
        placed = in_tree(asked, oracle)
        answers[str(at)] = sorted(
            {*placed, *(x for x in too_much(asked, placed) if _orders(asked, oracle, x))}
        )
    RECORDED.write_text(json.dumps(answers, indent=0) + "\n")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Reads the command line; the exit code tells whether there was a difference."""
    parser = argparse.ArgumentParser(prog="fuzz.questions", description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="how many questions")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--record", type=int, help="record the answers to so many for the tests")
    parser.add_argument("--uv", type=Path, help="the uv that gets Go where the PATH has none")
    given = parser.parse_args()
    with Oracle("allocate", binary(VERSION.name, uv=given.uv)) as oracle:
        if given.record:
            record(oracle, given.record)
            return 0
        seen = run(oracle, range(given.first, given.first + given.n))
    _say(", ".join(f"{number} {name}" for name, number in sorted(seen.items())))
    return 1 if seen["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
