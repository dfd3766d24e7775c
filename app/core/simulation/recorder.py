"""A trace from what a cluster shows: Pods with claims, from when they are first seen until they are gone."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.pod import ENDED_PHASES


class Recorder:
    """Receives all Pods and claims periodically; ``trace`` is what came and went, see ``read_trace``.

    A Pod runs from when its claims have devices until it is gone or at its end; one that never had any is
    left out. The requests of a Pod with several claims become one claim.
    """

    def __init__(self) -> None:
        self._start: float | None = None
        self._now = 0.0
        self._kinds: dict[str, JsonObject] = {}
        self._jobs: dict[str, JsonObject] = {}
        self._running: dict[str, float] = {}
        self._names = Counter[str]()

    def see(self, now: float, objects: Iterable[JsonObject]) -> None:
        """Takes in all Pods and ResourceClaims of a moment. ``now``: seconds of a clock. O(objects)."""
        if self._start is None:
            self._start = now
        self._now = now - self._start
        claims, pods = {}, []
        for item in objects:
            if item.get("kind") == "ResourceClaim":
                claims[_key(item)] = item
            elif item.get("kind") == "Pod" and (item.get("spec") or {}).get("resourceClaims"):
                pods.append(item)
        present = set()
        for pod in pods:
            uid = pod["metadata"].get("uid") or "/".join(_key(pod))
            held = [claims[key] for key in _claims_of(pod) if key in claims]
            if held and (pod.get("status") or {}).get("phase") not in ENDED_PHASES:
                present.add(uid)
                self._arrived(uid, pod, held)
        for uid in self._running.keys() - present:
            self._jobs[uid]["seconds"] = self._now - self._running.pop(uid)

    def trace(self, name: str) -> JsonObject:
        """What was seen; Pods that still run have run until now."""
        jobs = []
        for uid, job in self._jobs.items():
            if uid in self._running:
                jobs.append(job | {"seconds": self._now - self._running[uid]})
            elif "seconds" in job:
                jobs.append(job)
        used = {job["kind"] for job in jobs}
        kinds = [kind for kind in self._kinds.values() if kind["name"] in used]
        return {"name": name, "kinds": kinds, "jobs": jobs}

    def _arrived(self, uid: str, pod: JsonObject, held: list[JsonObject]) -> None:
        if uid not in self._jobs:
            spec = _together(held)
            text = json.dumps(spec, sort_keys=True)
            made = {"name": f"kind-{len(self._kinds)}", "size": _size(spec), "spec": spec}
            kind = self._kinds.setdefault(text, made)
            self._jobs[uid] = {"name": self._new_name(pod), "kind": kind["name"], "at": self._now}
        placed = all((claim.get("status") or {}).get("allocation") for claim in held)
        if placed and uid not in self._running:
            self._running[uid] = self._now

    def _new_name(self, pod: JsonObject) -> str:
        """Its name, with a number if there was a Pod of this name: one of a StatefulSet comes again."""
        name = "/".join(_key(pod))
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}#{self._names[name]}"


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["metadata"].get("namespace") or "default", item["metadata"]["name"]


def _claims_of(pod: JsonObject) -> list[tuple[str, str]]:
    """The claims that the Pod uses, by name or made for it."""
    namespace = _key(pod)[0]
    statuses = (pod.get("status") or {}).get("resourceClaimStatuses") or ()
    made = {item["name"]: item.get("resourceClaimName") for item in statuses}
    names = [
        item.get("resourceClaimName") or made.get(item["name"]) for item in pod["spec"]["resourceClaims"]
    ]
    return [(namespace, name) for name in names if name]


def _together(held: list[JsonObject]) -> JsonObject:
    if len(held) == 1:
        return dict(held[0]["spec"])
    requests, constraints = [], []
    for number, claim in enumerate(held):
        devices = claim["spec"].get("devices") or {}
        requests += [
            request | {"name": f"c{number}-{request['name']}"} for request in devices.get("requests") or ()
        ]
        own = [request["name"] for request in devices.get("requests") or ()]
        for constraint in devices.get("constraints") or ():
            names = [f"c{number}-{name}" for name in constraint.get("requests") or own]
            constraints.append(constraint | {"requests": names})
    return {"devices": {"requests": requests, "constraints": constraints}}


def _size(spec: JsonObject) -> float:
    """Devices requested; the first of alternatives counts."""
    total = 0.0
    for request in (spec.get("devices") or {}).get("requests") or ():
        options = request.get("firstAvailable") or [request.get("exactly") or request]
        total += options[0].get("count") or 1
    return total
