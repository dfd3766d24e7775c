"""Users who ask the service while Pods are scheduled."""

import os
from collections.abc import Callable

from locust import FastHttpUser, between, tag, task

from bench.scenes import pod
from loadtest.inventory import NAMESPACE

NODES = [f"node-{number:05}" for number in range(int(os.environ.get("LOAD_NODES", "500")))]
ASKERS = int(os.environ.get("LOAD_ASKERS", "4"))


class Asker(FastHttpUser):
    """A user: would it fit, how many more, which claims hold what, why is it pending."""

    fixed_count = ASKERS
    wait_time = between(0.5, 2.0)
    pod_to_explain: Callable[[], str] = staticmethod(lambda: "")
    """The name of a Pod that the service knows, or an empty string; set by the scenario."""

    @tag("plan")
    @task(3)
    def placements(self) -> None:
        body = {"pods": [pod("asked", "wanted")], "nodes": NODES[:50]}
        with self.rest("POST", "/api/v1/placements", json=body, name="placements, 50 nodes") as answer:
            if answer.js and len(answer.js["pods"]) != 1:
                answer.failure("the request has one Pod")

    @tag("plan")
    @task(1)
    def everywhere(self) -> None:
        body = {"pods": [pod("asked", "wanted")], "replicas": 3, "explain": "summary"}
        # Megabytes, not parsed: for as long as that takes, no scheduler's response is handled here, and the
        # wait would count as theirs.
        path, name = "/api/v1/placements", "placements, all nodes"
        with self.client.post(path, json=body, name=name, catch_response=True) as answer:
            if answer.status_code == 200 and b'"unplaced":0' not in answer.content[:200]:
                answer.failure("there are devices for them")

    @tag("plan")
    @task(1)
    def capacity(self) -> None:
        body = {"pod": pod("asked", "wanted"), "nodes": NODES[:20], "limit": 20}
        with self.rest("POST", "/api/v1/capacity", json=body, name="capacity") as answer:
            if answer.js and answer.js["fits"] > 20:
                answer.failure("more fit than requested")

    @tag("read")
    @task(2)
    def lists(self) -> None:
        self.client.get("/api/v1/devices?limit=500", name="devices")
        self.client.get("/api/v1/nodes?limit=500", name="nodes")
        self.client.get("/api/v1/claims?limit=500", name="claims")

    @tag("plan")
    @task(1)
    def explain(self) -> None:
        if name := self.pod_to_explain():
            self.client.get(f"/api/v1/pods/{NAMESPACE}/{name}/explain", name="explain")
