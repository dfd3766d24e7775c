"""The task page's Job on three nodes, and what has to be true of it whichever scheduler binds its Pods."""

from harness import objects
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

MANIFESTS = objects.EXAMPLES / "job-with-cats.yaml"
COMPLETIONS = 10
PARALLELISM = 2
# Clients of a kube-apiserver that was killed come back one after the other: each backs off for up to 30 s.
_PATIENCE_SECONDS = 90


class CatJob:
    """Each of two nodes has devices for two Pods at a time, so ten need what earlier ones gave back."""

    name = "job-with-cats"
    shared_claim = "big-blue-claim"

    def __init__(self, scene: Scene, kubelet: Kubelet, *, scheduler: str) -> None:
        self._scene = scene
        self._kubelet = kubelet
        self._scheduler = scheduler
        self.nodes: list[str] = []
        self.finished: list[str] = []

    def create(self) -> None:
        self.nodes = [
            self._scene.node("a", [*objects.cats(PARALLELISM), *objects.blues(2)]),
            self._scene.node("b", [*objects.cats(PARALLELISM), *objects.blues(1)]),
            self._scene.node("c", [*objects.cats(4, size="small"), *objects.blues(1)]),
        ]
        for body in objects.manifests(MANIFESTS):
            if body["kind"] == "Job":
                body["spec"]["template"]["spec"]["schedulerName"] = self._scheduler
            self._scene.create(body)

    def run(self, *, rounds: int = COMPLETIONS) -> None:
        """Ends the Job's Pods one by one, the oldest first, for so many Pods or until the Job is complete."""
        for _ in range(min(rounds, COMPLETIONS - len(self.finished))):
            expected = min(PARALLELISM, COMPLETIONS - len(self.finished))
            until(
                lambda n=expected: len(self._running()) == n,
                f"{expected} Pods run after {self.finished}",
                seconds=_PATIENCE_SECONDS,
            )
            # One of the two always stays, and with it the shared claim's allocation.
            oldest = self._running()[0]
            self._kubelet.succeed(self._scene.namespace, oldest)
            self.finished.append(oldest)
        if len(self.finished) == COMPLETIONS:
            until(self._complete, "the Job is complete")

    def check_devices(self, holds: HoldWatcher) -> None:
        """All that the page promises: a cat for each Pod, and one allocation of the blue devices for all."""
        shared = self._allocations(holds, self.shared_claim)
        assert len(shared) == 1, f"{self.shared_claim} was allocated more than once: {shared}"
        ((blue_pool, blue_devices),) = shared
        assert blue_devices == (
            {"big-blue-0", "big-blue-1"} if blue_pool == self.nodes[0] else {"big-blue-0"}
        )

        users = self._users(holds, self.shared_claim)
        assert users == set(self.finished)
        assert len(users) == COMPLETIONS
        assert {self._scene.node_of(pod) for pod in users} == {blue_pool}

        cats = {name: self._allocations(holds, name) for name in self._claims(holds) - {self.shared_claim}}
        # kube-controller-manager 1.37 makes new claims for Pods that have ended, and deletes them again, over
        # and over (as in kubernetes/kubernetes#141274); nobody may allocate those.
        cats = {name: allocations for name, allocations in cats.items() if allocations}
        assert len(cats) == COMPLETIONS
        for claim, allocations in cats.items():
            ((pool, devices),) = allocations
            assert pool == blue_pool
            assert len(devices) == 1
            assert devices <= {"large-black-cat-0", "large-black-cat-1"}
            assert len(self._users(holds, claim)) == 1

    def _running(self) -> list[str]:
        return [pod["metadata"]["name"] for pod in self._kubelet.running(self._scene.namespace)]

    def _complete(self) -> bool:
        job = self._scene.api.get("Job", self.name, self._scene.namespace)
        conditions = {c["type"]: c["status"] for c in job["status"].get("conditions", ())}
        return conditions.get("Complete") == "True" and job["status"]["succeeded"] == COMPLETIONS

    def _claims(self, holds: HoldWatcher) -> set[str]:
        prefix = f"{self._scene.namespace}/"
        return {c.claim.removeprefix(prefix) for c in holds.changes if c.claim.startswith(prefix)}

    def _allocations(self, holds: HoldWatcher, claim: str) -> set[tuple[str, frozenset[str]]]:
        """The distinct allocations a claim has had: (pool, devices)."""
        found = set()
        for change in holds.history(f"{self._scene.namespace}/{claim}"):
            if change.devices:
                ((_, pool),) = {(driver, pool) for driver, pool, _ in change.devices}
                found.add((pool, frozenset(device for _, _, device in change.devices)))
        return found

    def _users(self, holds: HoldWatcher, claim: str) -> set[str]:
        history = holds.history(f"{self._scene.namespace}/{claim}")
        return {user for change in history for user in change.reserved_for}
