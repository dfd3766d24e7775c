"""The kubelet's part: bound Pods run, are taken away when deleted, and end when the test says so."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import httpx

from app.core.json_object import JsonObject
from harness.api import PASSING, Api, ApiError
from harness.objects import finished
from harness.wait import PATIENCE_SECONDS, until

PAUSE_SECONDS = 0.1

T = TypeVar("T")


class Kubelet:
    """Plays the kubelets of all Nodes, in a thread of its own.

    As the real one, it starts a Pod only when each of its claims is allocated and reserved for it. A Pod that
    was bound before that is a fault of whoever bound it, and is remembered in `faults`.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelet")
        self.faults: list[str] = []
        self.died: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def succeed(self, namespace: str, name: str) -> None:
        """The containers of a running Pod end well."""
        self._set_phase(namespace, name, "Succeeded")

    def running(self, namespace: str) -> list[JsonObject]:
        """The Pods of a namespace that run and are not being deleted, oldest first."""
        pods = self._api.list("Pod", namespace)
        running = [
            p for p in pods if p["status"]["phase"] == "Running" and "deletionTimestamp" not in p["metadata"]
        ]
        return sorted(running, key=lambda p: int(p["metadata"]["resourceVersion"]))

    def wait_running(self, namespace: str, *names: str, seconds: float = PATIENCE_SECONDS) -> None:
        def all_run() -> bool:
            return {*names} <= {p["metadata"]["name"] for p in self.running(namespace)}

        until(all_run, f"Pods {', '.join(names)} run", seconds=seconds)

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE_SECONDS):
            for pod in self._whatever_happens(lambda: self._api.list("Pod")) or ():
                if self._stopped.is_set():
                    return
                self._whatever_happens(partial(self._sync, pod))

    def _whatever_happens(self, act: Callable[[], T]) -> T | None:
        """None where the API server did not do it this time: each Pod by itself, because a list has Pods that
        are gone when their turn comes, and what comes behind them must not wait until none is."""
        try:
            return act()
        except httpx.TransportError:
            return None  # the test has killed the API server
        except ApiError as error:
            # Gone since the list, or another has its name; anything else that lasts is a fault of this class.
            replaced = error.code == 422 and "metadata.uid" in error.message
            if error.code not in (*PASSING, 404) and not replaced:
                self.died = error
                self._stopped.set()
            return None

    def _sync(self, pod: JsonObject) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        bound = bool(pod["spec"].get("nodeName"))
        uid = pod["metadata"]["uid"]
        if bound and "deletionTimestamp" in pod["metadata"]:
            if not finished(pod):
                self._set_phase(namespace, name, "Failed", uid)
            self._api.delete("Pod", name, namespace, grace=0, uid=uid)
        elif bound and pod["status"]["phase"] == "Pending":
            fault = self._claims_fault(pod)
            if fault is None:
                self._set_phase(namespace, name, "Running", uid)
            elif self._still_wanted(pod):
                self.faults.append(f"{namespace}/{name} was bound before {fault}")

    def _still_wanted(self, pod: JsonObject) -> bool:
        """Not so where the Pod was deleted since it was listed, and its claims with it."""
        now = self._api.find("Pod", pod["metadata"]["name"], pod["metadata"]["namespace"])
        same = now is not None and now["metadata"]["uid"] == pod["metadata"]["uid"]
        return same and "deletionTimestamp" not in now["metadata"]

    def _claims_fault(self, pod: JsonObject) -> str | None:
        """What keeps the devices of a bound Pod from being prepared."""
        generated = {
            s["name"]: s.get("resourceClaimName") for s in pod["status"].get("resourceClaimStatuses", ())
        }
        entries = list(pod["spec"].get("resourceClaims", ()))
        if extended := pod["status"].get("extendedResourceClaimStatus"):
            entries.append({"name": "for extended resources", **extended})
        for entry in entries:
            name = entry.get("resourceClaimName") or generated.get(entry["name"])
            claim = self._api.find("ResourceClaim", name, pod["metadata"]["namespace"]) if name else None
            status = {} if claim is None else claim.get("status", {})
            if not status.get("allocation"):
                return f"claim {entry['name']} was allocated"
            group = (pod["spec"].get("schedulingGroup") or {}).get("podGroupName")
            # As the kubelet, which knows the PodGroup by its name only.
            if not any(
                user["uid"] == pod["metadata"]["uid"]
                or (user["resource"] == "podgroups" and user["name"] == group)
                for user in status.get("reservedFor", ())
            ):
                return f"claim {entry['name']} was reserved for it"
        return None

    def _set_phase(self, namespace: str, name: str, phase: str, uid: str | None = None) -> None:
        """With `uid` of that Pod alone: one that was listed may be gone, and another have its name."""
        ready = "True" if phase == "Running" else "False"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status: JsonObject = {
            "phase": phase,
            "startTime": now,
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": now}],
        }
        body: JsonObject = {"status": status} if uid is None else {"metadata": {"uid": uid}, "status": status}
        self._api.patch("Pod", name, body, namespace, subresource="status")
