"""``python -m fuzz``: generated cases against the in-tree allocator (``make fuzz N=1000 SEED=1``)."""

import argparse
import gzip
import json
import sys
from collections import Counter
from pathlib import Path

from oracle import DEFAULT, Oracle, binary

from app.core.json_object import JsonObject
from app.core.versions import KubernetesVersion, version_named
from fuzz import compare, generator, inventory, recorded, shrink, versions

_PER_SEED = 10_000_000
_MAX_FOUND = 5
_MAX_CANDIDATES = 2_000


class Exclusions:
    """What a run has seen."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.timeouts = 0
        self.out_of_steps = 0
        self.steps = {"here": 0, "in-tree": 0}
        self.found: list[Path] = []

    def add(self, answers: list[compare.Answer]) -> None:
        for answer in answers:
            self.verdicts[inventory.verdict(answer.ours)] += 1
            if not answer.comparable:
                self.timeouts += not answer.out_of_steps
                self.out_of_steps += answer.out_of_steps
                continue
            self.steps["here"] += answer.ours.steps
            self.steps["in-tree"] += answer.theirs["steps"]

    def text(self, cases: int) -> str:
        verdicts = ", ".join(f"{number} {verdict}" for verdict, number in sorted(self.verdicts.items()))
        return (
            f"{cases} cases, {len(self.found)} differences; nodes: {verdicts};"
            f" in-tree out of time on {self.timeouts}, here out of steps on {self.out_of_steps};"
            f" search steps: {self.steps['here']}, in-tree {self.steps['in-tree']}"
        )


def run(
    oracle: Oracle, first: int, count: int, folder: Path, version: KubernetesVersion | None = None
) -> Exclusions:
    """Goes through the cases; a difference is minimised and written as a case file.

    Those of a ``version`` have its features and fields.
    """
    exclusions = Exclusions()
    for number in range(first, first + count):
        request = generator.odd_case(number)
        if version is not None:
            request = versions.for_version(request, version, number)
        answers = compare.ask_both(oracle, request)
        exclusions.add(answers)
        for difference in compare.differences(oracle, request, answers)[:1]:
            exclusions.found.append(_report(oracle, request, difference, f"fuzz-{number}", folder))
        done = number - first + 1
        if done % 1000 == 0:
            _say(exclusions.text(done))
        if len(exclusions.found) >= _MAX_FOUND:
            break
    return exclusions


def _report(
    oracle: Oracle, request: JsonObject, difference: compare.Difference, name: str, folder: Path
) -> Path:
    def still_shows(smaller: JsonObject) -> bool:
        answers = compare.ask_both(oracle, smaller)
        return any(item.kind == difference.kind for item in compare.differences(oracle, smaller, answers))

    _say(f"{name}: on {difference.node}: {difference.text}")
    smallest = shrink.shrink(request, still_shows)
    folder.mkdir(parents=True, exist_ok=True)
    path = recorded.write(recorded.record(oracle, name, difference.kind, smallest), folder)
    _say(path.read_text())
    _say(f"minimised into {path}; a test replays it once it is in {recorded.FOLDER}")
    return path


def record_corpus(oracle: Oracle, count: int, version: KubernetesVersion | None = None) -> None:
    """Writes the corpus anew: cases whose answer in-tree finds quickly and always the same."""
    kept: list[JsonObject] = []
    number = 0
    while len(kept) < count and number < _MAX_CANDIDATES:
        request = generator.case(number) if version is None else generator.odd_case(number)
        if version is not None:
            request = versions.for_version(request, version, number)
        name = f"corpus-{number}"
        number += 1
        if len(kept) >= count // 2 and not _is_special(request, version):
            continue
        case = recorded.record(oracle, name, "generated", request)
        again = recorded.record(oracle, name, "generated", request)
        answers = case["expect"]["nodes"].values()
        dull = all(answer["verdict"] == "invalid" for answer in answers) and number % 5
        quick = all(answer["verdict"] != "timeout" and answer.get("steps", 0) < 20_000 for answer in answers)
        if case == again and not dull and quick:
            kept.append(case)
    with gzip.GzipFile(recorded.corpus_file(version), "wb", mtime=0) as file:
        file.writelines(json.dumps(case, separators=(",", ":")).encode() + b"\n" for case in kept)


def _is_special(request: JsonObject, version: KubernetesVersion | None) -> bool:
    """Whether the answer is another one with the rules of 1.37: half of another version's cases."""
    if version is None:
        return True
    here, usual = inventory.answer(request), inventory.answer(request | {"kubernetesVersion": DEFAULT})
    return any(inventory.verdict(here[node]) != inventory.verdict(usual[node]) for node in here)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Reads the command line; the exit code tells whether there was a difference."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--n", type=int, default=1000, help="how many cases")
    parser.add_argument("--seed", type=int, default=1, help="which cases: the same seed, the same cases")
    parser.add_argument("--uv", type=Path, help="the uv that gets Go where the PATH has none")
    parser.add_argument("--record", type=Path, nargs="*", help="fill in the answers of these case files")
    parser.add_argument("--corpus", type=int, help="write the corpus of the tests anew, with so many cases")
    parser.add_argument("--to", type=Path, default=Path(".cache/fuzz"), help="where found cases go")
    parser.add_argument("--kubernetes", default=DEFAULT, help="the minor version of Kubernetes, like 1.36")
    arguments = parser.parse_args()
    version = None if arguments.kubernetes == DEFAULT else version_named(arguments.kubernetes)
    with Oracle("allocate", binary(arguments.kubernetes, uv=arguments.uv)) as oracle:
        if arguments.corpus:
            record_corpus(oracle, arguments.corpus, version)
            return 0
        if arguments.record is not None:
            for path in arguments.record:
                case = json.loads(path.read_text())
                recorded.write(
                    recorded.record(oracle, case["name"], case["about"], case["request"]), path.parent
                )
            return 0
        exclusions = run(oracle, arguments.seed * _PER_SEED, arguments.n, arguments.to, version)
    _say(exclusions.text(arguments.n))
    return 1 if exclusions.found else 0


if __name__ == "__main__":
    sys.exit(main())
