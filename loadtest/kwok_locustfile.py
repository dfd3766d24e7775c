"""Users of a KWOK cluster: some create Pods with claims, others ask the service.

Run it with ``make load-kwok``; loadtest/README.md describes its options. Pods are followed by watches: the
time from creation until a Pod is bound, and until it runs, are requests of type POD in the table.
"""

import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import gevent
import orjson
import requests
from locust import FastHttpUser, constant_throughput, events, tag, task
from locust.env import Environment

from app.core.json_object import JsonObject
from loadtest.askers import Asker
from loadtest.inventory import NAMESPACE, pod
from loadtest.kwok import CREATORS
from loadtest.progress import Progress

SERVER = os.environ["LOAD_SERVER"]
"""Of the API server, without credentials: kubectl proxy."""
PODS_PER_SECOND = float(os.environ.get("LOAD_PODS_PER_SECOND", "20"))
TOTAL = int(os.environ.get("LOAD_PODS", "600"))
LIFE = os.environ.get("LOAD_LIFE", "5s")
PROGRESS_SECONDS = 5
_KNOWN_SECONDS = 1.0
"""After which the service has received the event of a Pod."""
_RESUME_SECONDS = 0.2
_PODS = f"{SERVER}/api/v1/namespaces/{NAMESPACE}/pods"
_CLAIMS = f"{SERVER}/apis/resource.k8s.io/v1/resourceclaims"

numbers = count()
broken: list[str] = []
resumed: list[str] = []


def report(name: str, seconds: float) -> None:
    """A line of the table."""
    events.request.fire(
        request_type="POD",
        name=name,
        response_time=seconds * 1000,
        response_length=0,
        exception=None,
        context={},
    )


progress = Progress(TOTAL, report)
Asker.pod_to_explain = staticmethod(lambda: progress.newest(time.monotonic() - _KNOWN_SECONDS))


class Creator(FastHttpUser):
    """Creates Pods at a steady rate until all are there."""

    host = SERVER
    fixed_count = CREATORS
    wait_time = constant_throughput(PODS_PER_SECOND / CREATORS)

    @tag("create")
    @task
    def create(self) -> None:
        number = next(numbers)
        if number >= TOTAL:
            gevent.sleep(1)
            return
        name = f"load-{number:06}"
        progress.creating(name, time.monotonic())
        with self.client.post(
            _PODS, json=pod(name, LIFE), name="create a Pod", catch_response=True
        ) as answer:
            if answer.status_code != 201:
                progress.refused(name)
                answer.failure(f"{answer.status_code}: {answer.text}")


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    """Starts the watches and the progress lines."""
    follow(_PODS, lambda event: progress.pod_event(event, time.monotonic()))
    follow(_CLAIMS, progress.claim_event)
    gevent.spawn(tell_progress, environment)


def follow(url: str, take: Callable[[JsonObject], None]) -> None:
    """Lists, and watches from there on."""
    listed = requests.get(url, timeout=60)
    listed.raise_for_status()
    body = listed.json()
    for item in body["items"]:
        take({"type": "ADDED", "object": item})
    gevent.spawn(watch, url, body["metadata"]["resourceVersion"], take)


def watch(url: str, version: str, take: Callable[[JsonObject], None]) -> None:
    """Every event after this version, in the order of the API server.

    A watch that ends is resumed at the last version, which leaves no gap: an API server under load ends those
    whose client is slow. One that cannot be resumed fails the run, since the checks would have a gap.
    """
    while True:
        try:
            for event in watched(url, version):
                if event["type"] == "ERROR":
                    broken.append(f"the watch of {url} broke: {event['object'].get('message', '')}")
                    return
                version = event["object"]["metadata"]["resourceVersion"]
                take(event)
        except requests.HTTPError as error:
            broken.append(str(error))
            return
        except requests.RequestException as error:
            print(f"the watch of {url}: {error}", flush=True)
        resumed.append(url)
        gevent.sleep(_RESUME_SECONDS)


def watched(url: str, version: str) -> Iterator[JsonObject]:
    """The events of one request."""
    query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "3600"}
    with requests.get(url, params=query, stream=True, timeout=(60, None)) as answer:
        answer.raise_for_status()
        yield from map(orjson.loads, answer.iter_lines(chunk_size=None))


def tell_progress(environment: Environment) -> None:
    """A line every few seconds; ends the run when every Pod has finished and its devices are free."""
    started = told = time.monotonic()
    while True:
        gevent.sleep(0.5)
        done = progress.is_done()
        if done or broken or time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            print(f"[{told - started:4.0f} s] {summary(environment)}", flush=True)
        if done or broken:
            environment.runner.quit()
            return


def summary(environment: Environment) -> str:
    """How far it is, in a line."""
    pods = ", ".join(f"{number} {step}" for step, number in progress.counts().items())
    holds, total = progress.holds, environment.stats.total
    devices = f"{holds.given} given, {holds.held} held, {holds.twice} twice"
    return f"Pods: {pods}; devices: {devices}; {total.num_failures} requests failed"


@events.quitting.add_listener
def evaluate(environment: Environment, **_: Any) -> None:
    """Fails the run if a request failed, a Pod did not get to its end, or a device was held twice."""
    problems = broken + progress.problems()
    if environment.stats.total.num_failures:
        problems.append(f"{environment.stats.total.num_failures} requests failed")
    print(f"at the end: {summary(environment)}; watches resumed {len(resumed)} times")
    print("failed: " + "; ".join(problems) if problems else "passed")
    environment.process_exit_code = 1 if problems else 0
