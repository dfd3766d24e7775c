"""What the decisions of a service say of preemptions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.api.webhooks.history_entries import preempt_decisions
from app.cluster.controllers.preemptor import Attempt
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.node_result import NodeResult
from app.core.preemption.plan import Preemption
from tests.api.conftest import Asked, run
from tests.objects import node, pod


def named(name: str, priority: int = 0) -> Pod:
    raw = pod(name)
    raw["spec"]["priority"] = priority
    item = parse(raw)
    assert isinstance(item, Pod)
    return item


HIGH, PARTNER = named("high", 9), named("partner", 9)
PLANS = (
    Preemption(HIGH, NodeResult("n1", "fits"), (named("low", 2), named("lower", 1))),
    Preemption(PARTNER, NodeResult("n2", "fits")),
)
TOLD = "default/low (priority 2), default/lower (priority 1)"


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (Attempt(HIGH, "evicted", PLANS), [("high", "evicted", "n1", f"evicted for it: {TOLD}")]),
        (
            Attempt(HIGH, "budget", PLANS, "the budget says no"),
            [("high", "failed", "n1", f"to be evicted for it: {TOLD}; the budget says no")],
        ),
        (Attempt(HIGH, "useless", why="it would not help"), [("high", "useless", None, "it would not help")]),
        (Attempt(HIGH, "waiting", PLANS[1:]), []),
        (Attempt(HIGH, "overtaken"), []),
        (Attempt(HIGH, "not_leader"), []),
    ],
    ids=lambda value: value.outcome if isinstance(value, Attempt) else "",
)
def test_who_was_evicted_for_whom_and_why_nobody_was(
    inventory: Callable[..., Path], attempt: Attempt, expected: list[tuple[str, str, str | None, str]]
) -> None:
    async def decided(asked: Asked) -> list[JsonObject]:
        service = asked.app.state.service
        for decision in preempt_decisions(service.rules, attempt):
            service.history.add(decision)
        answer = await asked.get("/api/v1/decisions")
        found: list[JsonObject] = answer["items"]
        return found

    items = run(inventory(node("n1")), decided)
    assert [(item["name"], item["outcome"], item["node"], item["summary"]) for item in items] == expected
    assert all(item["verb"] == "preempt" and item["at"] for item in items)
