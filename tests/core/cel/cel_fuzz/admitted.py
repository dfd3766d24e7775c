"""Which of the suite's selectors an API server of each version stores: recorded, for those who have no Go.

``python -m cel_fuzz --admitted`` with ``--kubernetes`` records the answers of one version anew.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.core.model.features import Features
from app.core.selectors import CelFeatures, cel_features
from app.core.selectors.admission import MAX_COST, admit
from app.core.versions import version_named

CASES = Path(__file__).parents[1] / "cases"
RECORDED = CASES / "admitted.json"
_Reference = Callable[[list[dict[str, Any]], Path], Iterator[dict[str, Any]]]


def selectors() -> list[str]:
    """Every selector of the recorded cases, once, always in the same order."""
    texts = [case["expression"] for case in json.loads((CASES / "named.json").read_text())["cases"]]
    with gzip.open(CASES / "corpus.jsonl.gz", "rt") as lines:
        texts += [case["expression"] for case in map(json.loads, lines) if case["mode"] == "selector"]
    return list(dict.fromkeys(texts))


def features_of(version: str) -> CelFeatures:
    """Those of an API server with the version's default gates."""
    return cel_features(Features.of(version_named(version)))


def stores(text: str, version: str) -> bool:
    """Whether this project says that the API server stores the selector."""
    return admit(text, features_of(version)).error is None


def record(program: Path, version: str, reference: _Reference) -> None:
    """Writes the oracle's answers: ``1`` stored, ``0`` refused, ``-`` where it panics or crashes."""
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    features = features_of(version)
    gates = {
        "EnableConsumableCapacity": features.consumable_capacity,
        "EnableListTypeAttributes": features.list_type_attributes,
    }
    questions = [
        {"expression": text, "device": {"driver": "d"}, "new": True, "cost": True, "features": gates}
        for text in selectors()
    ]
    answers = "".join(_letter(answer) for answer in reference(questions, program))
    recorded[version] = answers
    RECORDED.write_text(json.dumps(dict(sorted(recorded.items())), indent=0) + "\n")


def _letter(answer: dict[str, Any]) -> str:
    if answer.get("stage") in ("crash", "panic"):
        return "-"
    if answer.get("stage") == "compile" or answer.get("unbounded"):
        return "0"
    return "1" if answer.get("maxCost", 0) <= MAX_COST else "0"
