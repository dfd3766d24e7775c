"""Several extenders, of which one leads, behind a Service."""

from collections.abc import Mapping

import httpx

from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.forwarder import Forwarder
from harness.process import Process, answers
from harness.wait import until

# Short, so that a test sees many leaders; the order is that of the defaults. Claims that nobody frees are
# freed after a little longer than kube-scheduler waits for a bind (httpTimeout).
SETTINGS = {
    "DRA_LEADER_ELECT": "true",
    "DRA_LEADER_ELECT_LEASE_SECONDS": "6",
    "DRA_LEADER_ELECT_RENEW_DEADLINE_SECONDS": "3",
    "DRA_LEADER_ELECT_RETRY_SECONDS": "0.5",
    "DRA_RECONCILE_GRACE_SECONDS": "35",
}


class Replicas:
    """Replicas that elect a leader, and the address that kube-scheduler is given."""

    def __init__(
        self, control_plane: ControlPlane, number: int = 2, settings: Mapping[str, str] = SETTINGS
    ) -> None:
        self._extenders = [
            Extender(control_plane, name=f"replica-{place}", environment=settings, ready_without="leader")
            for place in range(number)
        ]
        self._forwarder = Forwarder([extender.url for extender in self._extenders])
        self.url = self._forwarder.url

    @property
    def processes(self) -> list[Process]:
        return [extender.process for extender in self._extenders]

    def start(self) -> None:
        for process in self.processes:
            process.start(seconds=180)
        self._forwarder.start()
        self.wait_led()

    def stop(self) -> None:
        self._forwarder.stop()
        for extender in self._extenders:
            extender.close()
            extender.process.stop()

    def leader(self) -> Process | None:
        """The replica that takes webhooks."""
        for extender in self._extenders:
            if extender.process.running:
                try:
                    if answers(f"{extender.url}/readyz")():
                        return extender.process
                except httpx.TransportError:
                    continue
        return None

    def wait_led(self, seconds: float = 60) -> Process:
        return until(self.leader, "a replica leads", seconds=seconds, pause=0.02)

    def metric(self, name: str) -> float:
        """The sum over the replicas."""
        total = 0.0
        for extender in self._extenders:
            text = httpx.get(f"{extender.url}/metrics", trust_env=False).text
            total += sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))
        return total
