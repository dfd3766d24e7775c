"""How far the Pods of a load are: created, bound, running, finished, and their claims' devices."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.core.json_object import JsonObject
from loadtest.holds import Holds, held_devices


@dataclass(slots=True)
class _Pod:
    created: float
    bound: bool = False
    running: bool = False
    finished: bool = False


@dataclass(slots=True)
class Progress:
    """Follows the watches of Pods and claims; the order of events of one kind is that of the API server.

    ``report`` gets "Pod bound" or "Pod running", and the seconds since the Pod was created. ``total`` is the
    number of Pods that will be created.
    """

    total: int
    report: Callable[[str, float], None]
    holds: Holds = field(default_factory=Holds)
    failed: list[str] = field(default_factory=list)
    _pods: dict[str, _Pod] = field(default_factory=dict)
    _owners: set[str] = field(default_factory=set)

    def creating(self, name: str, now: float) -> None:
        """A Pod is sent to the API server. Before its answer, since the watch may be quicker."""
        self._pods[name] = _Pod(now)

    def refused(self, name: str) -> None:
        """The API server did not create it."""
        del self._pods[name]

    def pod_event(self, event: JsonObject, now: float) -> None:
        """An event of the watch of Pods; those of others are ignored."""
        raw = event["object"]
        name = raw["metadata"]["name"]
        pod = self._pods.get(name)
        if pod is None:
            return
        if not pod.bound and raw["spec"].get("nodeName"):
            pod.bound = True
            self.report("Pod bound", now - pod.created)
        phase = (raw.get("status") or {}).get("phase")
        if not pod.running and phase in {"Running", "Succeeded"}:
            pod.running = True
            self.report("Pod running", now - pod.created)
        if phase == "Succeeded":
            pod.finished = True
        elif not pod.finished and (phase == "Failed" or event["type"] == "DELETED"):
            self.failed.append(f"Pod {name} {'failed' if phase == 'Failed' else 'was deleted'}")

    def claim_event(self, event: JsonObject) -> None:
        """An event of the watch of claims."""
        claim = event["object"]
        self.holds.take(claim, gone=event["type"] == "DELETED")
        if held_devices(claim):
            self._owners.update(owner["name"] for owner in claim["metadata"].get("ownerReferences", ()))

    def counts(self) -> dict[str, int]:
        """Pods by how far they are; each counts in what it has behind itself too."""
        pods = self._pods.values()
        return {
            "created": len(pods),
            "bound": sum(pod.bound for pod in pods),
            "running": sum(pod.running for pod in pods),
            "finished": sum(pod.finished for pod in pods),
        }

    def newest(self, before: float) -> str:
        """The last Pod created before this time, or an empty string."""
        return next((name for name, pod in reversed(self._pods.items()) if pod.created < before), "")

    def is_done(self) -> bool:
        """Every Pod has finished, and its devices are free again."""
        return self.counts()["finished"] == self.total and not self.holds.held

    def problems(self) -> list[str]:
        """What went wrong, if anything, at the end."""
        found = [
            f"{number} of {self.total} Pods were {step}"
            for step, number in self.counts().items()
            if number != self.total
        ]
        without = sum(pod.bound and name not in self._owners for name, pod in self._pods.items())
        if without:
            found.append(f"{without} Pods were bound without a device")
        if self.holds.twice:
            found.append(f"a device was held twice, {self.holds.twice} times")
        if self.holds.held:
            found.append(f"{self.holds.held} devices are still held")
        return found + self.failed[:5]
