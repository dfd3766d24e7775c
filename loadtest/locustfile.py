"""Scenarios: schedulers that filter, prioritize and bind, and people who ask while they do.

Run it with ``make load``; loadtest/README.md says how to do so by hand.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import count
from typing import Any

from locust import FastHttpUser, between, constant_throughput, events, tag, task
from locust.env import Environment

from bench.scenes import pod

NODES = [f"node-{number:05}" for number in range(int(os.environ.get("LOAD_NODES", "500")))]
CLAIMS = int(os.environ.get("LOAD_CLAIMS", "4000"))
P99_MS = float(os.environ.get("LOAD_P99_MS", "100"))
CYCLES_PER_SECOND = 5.0
"""Of one scheduler; kube-scheduler works on one Pod after the other."""

numbers = count()


class Scheduler(FastHttpUser):
    """One kube-scheduler: filter, prioritize if there is a choice, bind to the best node."""

    weight = 2
    wait_time = constant_throughput(CYCLES_PER_SECOND)

    @tag("filter", "prioritize", "bind")
    @task
    def cycle(self) -> None:
        number = next(numbers)
        if number >= CLAIMS:
            self.environment.runner.quit()  # every device is given away
            return
        asking = pod(f"load-{number:06}", f"load-{number:06}")
        answer = self._post("filter", {"Pod": asking, "NodeNames": NODES})
        fitting = (answer or {}).get("NodeNames") or []
        if not fitting:
            return
        node = fitting[0]
        if len(fitting) > 1:
            scores = self._post("prioritize", {"Pod": asking, "NodeNames": fitting}) or []
            node = max(scores, key=lambda score: score["Score"], default={"Host": node})["Host"]
        metadata = asking["metadata"]
        self._bind(metadata["name"], metadata["uid"], node)

    def _post(self, verb: str, body: dict[str, Any]) -> Any:
        with self.rest("POST", f"/scheduler/{verb}", json=body, name=verb) as answer:
            return answer.js

    def _bind(self, name: str, uid: str, node: str) -> None:
        body = {"PodName": name, "PodNamespace": "default", "PodUID": uid, "Node": node}
        with self.rest("POST", "/scheduler/bind", json=body, name="bind") as answer:
            error = answer.js["Error"] if answer.js else ""
            # Two schedulers may choose one node's last device: that is for bind to refuse.
            if error and "in use" not in error:
                answer.failure(error)


class Planner(FastHttpUser):
    """Somebody who asks: would it fit, how many more, who holds what."""

    weight = 1
    wait_time = between(0.2, 1.0)

    @tag("plan")
    @task(3)
    def placements(self) -> None:
        body = {"pods": [pod("asked", "wanted")], "nodes": NODES[:50]}
        with self.rest("POST", "/api/v1/placements", json=body, name="placements") as answer:
            if answer.js and len(answer.js["pods"]) != 1:
                answer.failure("one Pod was asked about")

    @tag("plan")
    @task(1)
    def capacity(self) -> None:
        body = {"pod": pod("asked", "wanted"), "nodes": NODES[:20], "limit": 20}
        with self.rest("POST", "/api/v1/capacity", json=body, name="capacity") as answer:
            if answer.js and answer.js["fits"] > 20:
                answer.failure("more fit than were asked about")

    @tag("read")
    @task(2)
    def lists(self) -> None:
        self.client.get("/api/v1/devices?limit=500", name="devices")
        self.client.get("/api/v1/nodes?limit=500", name="nodes")


@events.test_stop.add_listener
def check_devices(environment: Environment, **_: Any) -> None:
    """No device may be held twice, whatever went on."""
    import httpx  # noqa: PLC0415 # not gevent's business before the end

    held: Counter[str] = Counter()
    cursor = ""
    while True:
        answer = httpx.get(
            f"{environment.host}/api/v1/devices", params={"limit": 5000, "cursor": cursor}, timeout=60
        )
        page = answer.raise_for_status().json()
        for item in page["items"]:
            held[f"{item['pool']}/{item['device']}"] += len(item["claims"])
        cursor = page["next"]
        if not cursor:
            break
    twice = [name for name, number in held.items() if number > 1]
    print(f"devices held: {sum(held.values())}, held twice: {len(twice)}", flush=True)
    if twice or not sum(held.values()):
        environment.process_exit_code = 2


@events.quitting.add_listener
def check_thresholds(environment: Environment, **_: Any) -> None:
    """Fails the run if requests failed or filter was slow."""
    total, filters = environment.stats.total, environment.stats.get("filter", "POST")
    p99 = filters.get_response_time_percentile(0.99) or 0
    print(f"{total.num_requests} requests, {total.num_failures} failures")
    print(f"99th percentile of filter: {p99:g} ms, at most {P99_MS:g} is wanted")
    if total.num_failures or p99 > P99_MS or not filters.num_requests:
        environment.process_exit_code = 1
