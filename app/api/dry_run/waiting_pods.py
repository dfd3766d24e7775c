"""The Pods that a question about the cluster is for: given, driven out, or waiting already."""

from collections.abc import Sequence
from typing import Any

from app.api.dry_run.scenario import PreparedRun, pods_in
from app.api.errors import HttpError
from app.api.models.questions import WaitingPods
from app.api.service import Service
from app.core.advice.redaction import without_other_namespaces
from app.core.dry_run.place import PodPlacement
from app.core.model.pod import Pod


async def waiting_pods(
    service: Service, body: WaitingPods, nodes: Sequence[str], run: PreparedRun, *, may_be_none: bool = False
) -> tuple[list[Pod], list[str]]:
    """The Pods that a drain has driven out, those given, and with ``pending`` those that wait for a node.

    Also what was assumed about kinds that are not known.

    Raises: HttpError, 422 if there are none or too many, 503 if time was up.
    """
    most = service.settings.dry_run_pods
    given, notes = await pods_in(body, nodes, most, run)
    pods = [*(item.pod for item in run.overlay.evicted), *given]
    if body.pending:
        names = {pod.meta.key for pod in pods}
        waiting = (pod for pod in run.overlay.state.pods.values() if not pod.node_name and not pod.finished)
        pods += [pod for pod in waiting if pod.meta.key not in names and (pod.claims or pod.extended)]
    if not pods and not may_be_none:
        raise HttpError(422, "InvalidField", "give at least one Pod in pods, workloads or by pending", "pods")
    if len(pods) > most:
        raise HttpError(422, "TooManyPods", f"more than {most} Pods in one dry run", "pods")
    return pods, notes


def placed_pod(item: PodPlacement) -> dict[str, Any]:
    """A SizedPod: where one of them goes."""
    return {
        "namespace": item.pod.meta.namespace,
        "name": item.pod.meta.name,
        "node": item.chosen.node if item.chosen is not None else None,
        "summary": without_other_namespaces(item.summary),
    }
