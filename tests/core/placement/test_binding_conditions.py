from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.placement.binding_conditions import Readiness, readiness
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.objects import DRIVER, allocation, claim, node, pod

CONDITIONS = {"bindingConditions": ["attached"], "bindingFailureConditions": ["broken"]}


def held(*statuses: dict[str, Any], conditions: dict[str, Any] = CONDITIONS, **status: Any) -> dict[str, Any]:
    """A claim with device d0, and what the driver has said of it."""
    allocated = allocation("n1", "d0")
    allocated["devices"]["results"][0] |= conditions
    allocated["allocationTimestamp"] = "2026-11-23T10:00:00Z"
    devices = (
        [{"driver": DRIVER, "pool": "n1", "device": "d0", "conditions": list(statuses)}] if statuses else []
    )
    return claim("c") | {"status": {"allocation": allocated, "devices": devices, **status}}


def held_at(timestamp: str) -> dict[str, Any]:
    raw = held()
    raw["status"]["allocation"]["allocationTimestamp"] = timestamp
    return raw


def condition(name: str, status: str) -> dict[str, Any]:
    return {"type": name, "status": status}


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("no conditions", held(conditions={}), Readiness.READY),
        ("nothing said yet", held(), Readiness.PENDING),
        ("not true yet", held(condition("attached", "False")), Readiness.PENDING),
        ("attached", held(condition("attached", "True")), Readiness.READY),
        ("broken", held(condition("attached", "True"), condition("broken", "True")), Readiness.FAILED),
        ("not broken", held(condition("attached", "True"), condition("broken", "False")), Readiness.READY),
    ],
)
def test_readiness(name: str, raw: dict[str, Any], expected: Readiness) -> None:
    item = parse(raw)
    assert isinstance(item, ResourceClaim)
    assert readiness(item) is expected, name


def ask(raw: dict[str, Any], now: datetime, where: str = "n1") -> tuple[str, str | None, PodEvaluation]:
    state = State()
    for item in (node("n1"), node("n2"), raw):
        state.upsert(parse(item))  # type: ignore[arg-type]
    asking = parse(pod("p", "c"))
    assert isinstance(asking, Pod)
    evaluation = PodEvaluation(state, asking, Rules(SelectorCache(), lambda: "s", now=lambda: now))
    answer = evaluation.answer(where)
    return answer.verdict, answer.reasons[0].code if answer.reasons else None, evaluation


SOON = datetime(2026, 11, 23, 10, 5, tzinfo=UTC)
LATE = datetime(2026, 11, 23, 10, 11, tzinfo=UTC)
OURS = {"reservedFor": [{"resource": "pods", "name": "p", "uid": "uid-p"}]}
THEIRS = {"reservedFor": [{"resource": "pods", "name": "q", "uid": "uid-q"}]}


@pytest.mark.parametrize(
    ("name", "raw", "now", "where", "code", "released"),
    [
        ("pending is waited for", held(), SOON, "n1", None, False),
        ("pending for too long", held(**OURS), LATE, "n1", "BindingTimedOut", True),
        ("pending since a time beyond all others", held_at("9999-12-31T23:59:59Z"), SOON, "n1", None, False),
        (
            "pending since the first of times",
            held_at("0001-01-01T00:00:00Z"),
            SOON,
            "n1",
            "BindingTimedOut",
            True,
        ),
        ("ready, however late", held(condition("attached", "True")), LATE, "n1", None, False),
        ("failed", held(condition("broken", "True"), **OURS), SOON, "n1", "BindingFailed", True),
        (
            "failed, but in use by another",
            held(condition("broken", "True"), **THEIRS),
            SOON,
            "n1",
            "BindingFailed",
            False,
        ),
        ("on another node, nobody's", held(conditions={}), SOON, "n2", "ClaimOnOtherNode", True),
        ("on another node, another's", held(conditions={}, **THEIRS), SOON, "n2", "ClaimOnOtherNode", False),
    ],
)
def test_allocated_claims(
    name: str, raw: dict[str, Any], now: datetime, where: str, code: str | None, released: bool
) -> None:
    verdict, found, evaluation = ask(raw, now, where)
    assert (verdict, found) == ("misfit" if code else "fits", code), name
    assert (evaluation.releasable() is not None) == released, name
