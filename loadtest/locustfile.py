"""Scenarios: schedulers that filter, prioritize and bind, and people who ask while they do.

Run it with ``make load``; loadtest/README.md describes its options.
"""

import os
import time
from itertools import count
from typing import Any

import gevent
import orjson
import requests
from locust import FastHttpUser, constant_throughput, events, tag, task
from locust.env import Environment

from loadtest.askers import NODES, Asker
from loadtest.inventory import NAMESPACE

NAMES = orjson.dumps(NODES)
CLUSTER = os.environ.get("LOAD_CLUSTER", "")
SCHEDULERS = int(os.environ.get("LOAD_SCHEDULERS", "4"))
CYCLES_PER_SECOND = float(os.environ.get("LOAD_CYCLES", "20")) / max(1, SCHEDULERS)
P99_MS = float(os.environ.get("LOAD_P99_MS", "50"))
PROGRESS_SECONDS = 5
_JSON = {"Content-Type": "application/json"}

numbers = count()
waiting: list[dict[str, Any]] = []
Asker.pod_to_explain = staticmethod(lambda: waiting[-1]["metadata"]["name"] if waiting else "")


@events.test_start.add_listener
def read_pods(environment: Environment, **_: Any) -> None:
    """The Pods that wait for a node, as kube-scheduler's own watch would tell of them."""
    listed = requests.get(f"{CLUSTER}/api/v1/pods", timeout=60).json()["items"]
    waiting[:] = [item for item in listed if not item["spec"].get("nodeName")]
    # The first Pod of its kind makes the service evaluate every node; the load measures those after it.
    body = b'{"Pod":%b,"NodeNames":%b}' % (orjson.dumps(waiting.pop()), NAMES)
    first = requests.post(f"{environment.host}/scheduler/filter", data=body, headers=_JSON, timeout=60)
    print(f"the first filter took {first.elapsed.total_seconds():.2f} s", flush=True)


class Scheduler(FastHttpUser):
    """One kube-scheduler: filter, prioritize if there is a choice, bind to the best node."""

    fixed_count = SCHEDULERS
    wait_time = constant_throughput(CYCLES_PER_SECOND)

    @tag("filter", "prioritize", "bind")
    @task
    def cycle(self) -> None:
        number = next(numbers)
        if number >= len(waiting):
            self.environment.runner.quit()  # every Pod has been scheduled
            return
        asking = waiting[number]
        answer = self._ask("filter", asking, NAMES)
        fitting = (answer or {}).get("NodeNames") or []
        if not fitting:
            return
        node = fitting[number % len(fitting)]
        if len(fitting) > 1:
            scores = self._ask("prioritize", asking, orjson.dumps(fitting)) or []
            best = max((score["Score"] for score in scores), default=0)
            equals = [score["Host"] for score in scores if score["Score"] == best]
            # kube-scheduler draws one of the best.
            node = equals[number * 7919 % len(equals)]
        self._bind(asking["metadata"], node)

    def _ask(self, verb: str, asking: dict[str, Any], names: bytes) -> Any:
        body = b'{"Pod":%b,"Nodes":null,"NodeNames":%b}' % (orjson.dumps(asking), names)
        path = f"/scheduler/{verb}"
        with self.client.post(path, data=body, headers=_JSON, name=verb, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code}: {answer.text}")
                return None
            return orjson.loads(answer.content)

    def _bind(self, metadata: dict[str, Any], node: str) -> None:
        body = {"PodName": metadata["name"], "PodNamespace": NAMESPACE, "PodUID": metadata["uid"]}
        with self.rest("POST", "/scheduler/bind", json=body | {"Node": node}, name="bind") as answer:
            error = answer.js["Error"] if answer.js else ""
            # Two schedulers may choose one node's last device: that is for bind to refuse.
            if error and "in use" not in error:
                answer.failure(error)


@events.test_start.add_listener
def tell_progress(environment: Environment, **_: Any) -> None:
    """A line every few seconds."""
    started = time.monotonic()

    def tell() -> None:
        while True:
            gevent.sleep(PROGRESS_SECONDS)
            total, filters = environment.stats.total, environment.stats.get("filter", "POST")
            p99 = filters.get_response_time_percentile(0.99) or 0
            print(
                f"[{time.monotonic() - started:4.0f} s] {total.num_requests} requests, "
                f"{total.num_failures} failures, {filters.num_requests} filters, p99 {p99:g} ms",
                flush=True,
            )

    gevent.spawn(tell)


@events.quitting.add_listener
def evaluate_nodes(environment: Environment, **_: Any) -> None:
    """Fails the run if a request failed, filter was slow, or a device was given twice."""
    told = requests.get(f"{CLUSTER}/told", timeout=60).json()
    total, filters = environment.stats.total, environment.stats.get("filter", "POST")
    p99 = filters.get_response_time_percentile(0.99) or 0
    problems = []
    if total.num_failures:
        problems.append(f"{total.num_failures} requests failed")
    if told.get("twice"):
        problems.append(f"a device was given twice, {told['twice']} times")
    if not told.get("bound"):
        problems.append("no Pod was bound")
    if p99 > P99_MS:
        problems.append(f"the 99th percentile of filter is {p99:g} ms, above {P99_MS:g}")
    print(f"in the cluster: {', '.join(f'{key} {number}' for key, number in sorted(told.items()))}")
    print(f"99th percentile of filter: {p99:g} ms, limit {P99_MS:g} ms")
    print("failed: " + "; ".join(problems) if problems else "passed")
    environment.process_exit_code = 1 if problems else 0
