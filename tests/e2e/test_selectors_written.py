"""Which selectors an API server stores: the same ones that ``check`` has nothing against."""

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from harness import objects
from harness.api import ApiError
from harness.scene import Scene

from app.core.selectors import CelFeatures
from app.core.selectors.admission import MAX_BYTES, MAX_COST, admit

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

CASES = Path(__file__).resolve().parents[1] / "core" / "cel" / "cases"
# As many requests a claim, and as many selectors a request, as the API takes.
REQUESTS, SELECTORS = 32, 32
BOUNDARIES = (
    f"lists.range({MAX_COST // 6 - 10}).all(x, x >= 0)",
    f"lists.range({MAX_COST // 6 + 10}).all(x, x >= 0)",
    f'"{"a" * (MAX_BYTES - 7)}" == ""',
    f'"{"a" * (MAX_BYTES - 6)}" == ""',
    "string(1).matches(device.driver)",
    'device.attributes["d"].x.includes(1)',
    'device.attributes["d"].x.exists(y, y == 1)',
    "device.allowMultipleAllocations",
)


def groups(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (texts[at : at + size] for at in range(0, len(texts), size))


def expressions() -> list[str]:
    """Those by hand, and random ones."""
    found = dict.fromkeys(BOUNDARIES)
    found.update(json.loads((CASES / "estimates.json").read_text()))
    found.update(
        dict.fromkeys(case["expression"] for case in json.loads((CASES / "named.json").read_text())["cases"])
    )
    with gzip.open(CASES / "corpus.jsonl.gz", "rt") as lines:
        cases = (json.loads(line) for line in lines)
        found.update(dict.fromkeys(case["expression"] for case in cases if case["mode"] == "selector"))
    return [text for text in found if text]


def refused(scene: Scene, texts: Sequence[str]) -> set[str]:
    """The expressions that the API server finds fault with."""
    claim = objects.claim("asked", device_class="any.example.com")
    requests, at = [], {}
    for number, group in enumerate(groups(texts, SELECTORS)):
        selectors = [{"cel": {"expression": text}} for text in group]
        exactly = {"deviceClassName": "any.example.com", "count": 1, "selectors": selectors}
        requests.append({"name": f"r{number}", "exactly": exactly})
        for place, text in enumerate(group):
            at[f"spec.devices.requests[{number}].exactly.selectors[{place}].cel.expression"] = text
    claim["spec"]["devices"]["requests"] = requests
    try:
        scene.create(claim)
    except ApiError as error:
        if error.code != 422:
            raise
        return {at[field] for field in error.causes}
    except httpx.RemoteProtocolError:
        # cel-go panics on some, and the API server hangs up: it stores none of them, and names none.
        middle = len(texts) // 2
        return refused(scene, texts[:middle]) | refused(scene, texts[middle:]) if middle else set(texts)
    scene.api.delete("ResourceClaim", "asked", scene.namespace)
    return set()


def test_check_refuses_what_the_api_server_refuses(scene: Scene) -> None:
    texts = expressions()
    ours = {text for text in texts if admit(text, CelFeatures()).error is not None}
    theirs: set[str] = set()
    for group in groups(texts, REQUESTS * SELECTORS // 4):
        theirs |= refused(scene, group)
    assert sorted(ours ^ theirs) == []
    assert 500 < len(theirs) < len(texts) - 500
