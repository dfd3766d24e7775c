"""``python -m cel_fuzz``: random expressions, this project's answer against cel-go's (``make fuzz-cel``).

``--kubernetes 1.34`` compares with the environment, the estimator and the evaluation of that version.

Prints every difference and exits with 1 if there is one.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from oracle import DEFAULT, OLDEST, VERSIONS, binary

from app.core.cel.compiler.compiler import deep
from app.core.cel.estimate.ranges import MAX
from app.core.model.device import DeviceShape, read_device
from app.core.selectors import CelError, CelFeatures, CelRuntimeError, compile_derived, compile_selector
from app.core.selectors.admission import MAX_COST, estimator_of
from app.core.selectors.environment import compile_expression
from app.core.versions import version_named
from app.core.versions.cel_rules import CelRules
from cel_fuzz import admitted
from cel_fuzz.grammar import Grammar, mutated
from cel_fuzz.words import BARE, DEVICE, LIST_KINDS

BATCH = 2000


def shape_of(device: dict[str, Any]) -> DeviceShape:
    """The shape of a device in the oracle's form."""
    return read_device({"name": "d", **device}, device["driver"]).shape


def answer(
    mode: str,
    text: str,
    shape: DeviceShape,
    features: CelFeatures = CelFeatures(),  # noqa: B008 - frozen
) -> tuple[str, Any]:
    """This project's verdict, and the value of a derived attribute."""
    if mode == "derived":
        derived = compile_derived(text, features)
        if derived.error is not None:
            return "invalid", None
        try:
            found = derived.evaluate(shape)
        except CelError:
            return "invalid", None
        value = list(found.value) if isinstance(found.value, tuple) else found.value
        return "value", {found.kind: value}
    selector = compile_selector(text, features)
    if selector.error is not None:
        return "invalid", None
    try:
        return ("fits" if selector.matches(shape) else "misfit"), None
    except CelRuntimeError:
        return "invalid", None


def estimate(mode: str, text: str, features: CelFeatures) -> int | None:
    """This project's estimate of the cost; None if it does not compile."""
    try:
        tree = compile_expression(text, features, derived=mode == "derived").tree
    except CelError:
        return None
    return deep(lambda: estimator_of(features.rules).cost(tree)).high


def estimated(theirs: dict[str, Any]) -> int | None:
    """The oracle's estimate; None if it does not compile."""
    if theirs.get("stage") == "compile":
        return None
    return MAX if theirs.get("unbounded") else int(theirs.get("maxCost", 0))


def same(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> bool:
    """Whether attributes are equal; an empty list leaves no trace in JSON, and Go's maps have no order."""
    if not ours or not theirs:
        return not theirs and (not ours or ours == {"strings": []})
    (kind, value), (other_kind, other) = *ours.items(), *theirs.items()
    if kind == other_kind and isinstance(value, list):
        return sorted(value) == sorted(other)
    return ours == theirs


def reference(questions: list[dict[str, Any]], program: Path) -> Iterator[dict[str, Any]]:
    """The oracle's answers, in order; the verdict ``crash`` where it ended, as a Go stack overflow does."""
    answered = 0
    while answered < len(questions):
        for found in _answers(questions[answered:], program):
            answered += 1
            yield found
        if answered < len(questions):
            answered += 1
            yield {"verdict": "crash", "stage": "crash"}


def _answers(questions: list[dict[str, Any]], program: Path) -> Iterator[dict[str, Any]]:
    """The answers of one process, until it ends."""
    with tempfile.TemporaryFile("w+") as lines:
        lines.writelines(json.dumps(evaluation) + "\n" for evaluation in questions)
        lines.seek(0)
        with subprocess.Popen([program, "cel"], stdin=lines, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield json.loads(line)


def fuzz(
    count: int, seed: int, program: Path, *, garbage: float = 0.1, rules: CelRules | None = None
) -> Counter[str]:
    """Compares ``count`` expressions, verdicts and estimated costs, and prints the differences."""
    random = Random(seed)  # noqa: S311 - a run must be repeatable
    exclusions: Counter[str] = Counter()
    environments = ENVIRONMENTS if rules is None else _environments(rules)
    while exclusions["expressions"] < count:
        features = random.choice(environments)  # one a batch: the oracle keeps one compiler
        cases = [
            _case(random, features, garbage) for _ in range(min(BATCH, count - exclusions["expressions"]))
        ]
        exclusions["expressions"] += len(cases)
        questions = [case.evaluation for case in cases]
        for case, theirs in zip(cases, reference(questions, program), strict=True):
            exclusions[theirs["verdict"]] += 1
            if theirs["verdict"] == "crash":
                continue
            _compare_verdicts(case, theirs, program, exclusions)
            _compare_estimates(case, theirs, exclusions)
    return exclusions


# The first is kube-scheduler's, the others are an API server's with and without the alpha gate.
ENVIRONMENTS = (
    CelFeatures(),
    CelFeatures(),
    CelFeatures(new_expressions=True),
    CelFeatures(new_expressions=True, list_type_attributes=True),
)


def _derives(rules: CelRules) -> bool:
    """Whether the version has derived attributes: since 1.37, as attributes of stored expressions are."""
    return rules.attributes == "stored"


def _environments(rules: CelRules) -> tuple[CelFeatures, ...]:
    """Those of another version: without the gates that it does not have."""
    by_gate = () if rules.attributes == "never" else (True,)
    sharing = (True, False) if rules.knows_sharing else (False,)
    return tuple(
        CelFeatures(lists, consumable, new, rules)
        for lists in (False, *by_gate)
        for consumable in sharing
        for new in (False, True)
    )


@dataclass(frozen=True, slots=True)
class _Case:
    mode: str
    text: str
    shape: DeviceShape
    features: CelFeatures
    evaluation: dict[str, Any]


def _case(random: Random, features: CelFeatures, garbage: float) -> _Case:
    mode, text = Grammar(random).expression()
    while mode == "derived" and not _derives(features.rules):
        mode, text = Grammar(random).expression()
    if random.random() < garbage:
        text = mutated(random, text)
    name = "bare" if random.random() < 0.1 else "plain" if features.rules.lists_need_gate else "full"
    evaluation = {
        "mode": mode,
        "expression": text,
        "device": _DEVICES[name],
        "cost": True,
        "new": features.new_expressions,
        "features": {
            "EnableConsumableCapacity": features.consumable_capacity,
            "EnableListTypeAttributes": features.list_type_attributes,
        },
    }
    return _Case(mode, text, _SHAPES[name], features, evaluation)


# "plain" is what API servers before 1.37 store with the gate DRAListTypeAttributes off, as by default.
_PLAIN = DEVICE | {
    "attributes": {name: value for name, value in DEVICE["attributes"].items() if not {*value} & LIST_KINDS}
}
_DEVICES = {"full": DEVICE, "plain": _PLAIN, "bare": BARE}
_SHAPES = {name: shape_of(device) for name, device in _DEVICES.items()}


def _compare_verdicts(case: _Case, theirs: dict[str, Any], program: Path, exclusions: Counter[str]) -> None:
    verdict, value = answer(case.mode, case.text, case.shape, case.features)
    if verdict == theirs["verdict"] and same(value, theirs.get("attribute")):
        return
    if _unconvertible(theirs):
        exclusions["not convertible in cel-go"] += 1
        return
    if case.features.rules.sized_parts and _orders_nan(case):
        exclusions["order of NaN"] += 1
        return
    if _wavers(case.evaluation, program):
        exclusions["order-dependent"] += 1
        return
    told = f"{theirs['verdict']} {theirs.get('attribute', '')} {theirs.get('error', '')[:200]!r}"
    _differ(case, told, f"{verdict} {value or ''}", exclusions)


def _compare_estimates(case: _Case, theirs: dict[str, Any], exclusions: Counter[str]) -> None:
    if theirs.get("stage") == "panic":
        return
    wanted = estimated(theirs)
    found = estimate(case.mode, case.text, case.features)
    if wanted is not None:
        exclusions["estimates"] += 1
        exclusions["above the limit"] += wanted > MAX_COST
    if found != wanted and not (
        case.features.rules.sized_parts and _same_answer(case.text, found, wanted, exclusions)
    ):
        _differ(case, f"estimate {wanted}", f"estimate {found}", exclusions)


_BOUNDED_OTHERWISE = re.compile(r"flatten\(\(*-|sortBy\(")
"""A negative depth fails on every device, and nobody sorts attributes by the port of a URL."""


def _same_answer(text: str, found: int | None, wanted: int | None, exclusions: Counter[str]) -> bool:
    """Whether an API server answers the same by both estimates.

    cel-go 0.33 computes all of them in another way (common/cost), and only what is above the limit matters.
    """
    if found is None or wanted is None:
        return False
    if (found > MAX_COST) != (wanted > MAX_COST) and not _BOUNDED_OTHERWISE.search(text):
        return False
    exclusions["other estimates, same answer"] += 1
    return True


def _differ(case: _Case, theirs: str, ours: str, exclusions: Counter[str]) -> None:
    exclusions["differences"] += 1
    _say(f"{case.mode}, {case.features}: {case.text!r}\n  cel-go: {theirs}\n  ours: {ours}")


def _orders_nan(case: _Case) -> bool:
    """Whether something may be compared with NaN, which is an error until cel-go 0.29 and false since 0.33.

    No attribute is a double, so only an expression that makes a NaN itself meets it: it writes one, or adds
    infinities.
    """
    return any(made in case.text for made in ("0.0 / 0.0", "NaN", "Infinity"))


def _unconvertible(theirs: dict[str, Any]) -> bool:
    """Whether cel-go before 0.29 fails to compare an IP in an optional: a bug that no selector meets.

    Attributes hold no IPs, and who compares two that an expression makes does not wrap them.
    """
    return "unsupported conversion to ref.Val: (netip." in str(theirs.get("error", ""))


def _wavers(evaluation: dict[str, Any], program: Path) -> bool:
    """Whether cel-go itself says now this, now that: it goes through maps in any order."""
    return len({json.dumps(found, sort_keys=True) for found in reference([evaluation] * 10, program)}) > 1


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a program


def main() -> None:
    """Runs from the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--n", type=int, default=1000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--garbage", type=float, default=0.1, help="how many expressions are mutilated")
    options.add_argument("--uv", type=Path)
    known = [version for version in VERSIONS if version != OLDEST]
    options.add_argument("--kubernetes", default=DEFAULT, choices=known, help="the minor version")
    options.add_argument("--admitted", action="store_true", help="record cases/admitted.json anew instead")
    given = options.parse_args()
    rules = None if given.kubernetes == DEFAULT else version_named(given.kubernetes).cel
    program = binary(given.kubernetes, uv=given.uv)
    if given.admitted:
        admitted.record(program, given.kubernetes, reference)
        return
    exclusions = fuzz(given.n, given.seed, program, garbage=given.garbage, rules=rules)
    _say(", ".join(f"{number} {name}" for name, number in sorted(exclusions.items())))
    sys.exit(1 if exclusions["differences"] else 0)


if __name__ == "__main__":
    main()
