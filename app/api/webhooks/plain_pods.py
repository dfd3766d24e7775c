"""Pods without devices, where the devices of others take CPU or memory of nodes (KEP-5517).

kube-scheduler counts what containers take. It does not know yet what devices do that are being bound.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.api.service import Service
from app.api.webhooks.wire import FilterArgs
from app.core.diagnosis import node_message
from app.core.json_object import JsonObject
from app.core.model.errors import ObjectError
from app.core.model.parse import Object, parse
from app.core.model.pod import Pod
from app.core.placement.node_room import HELD
from app.core.state.state import State


@dataclass(frozen=True, slots=True)
class NodesWithRoom:
    """``names`` are the nodes that pass, ``refused`` is why others do not."""

    names: Sequence[str]
    refused: Mapping[str, str] = field(default_factory=dict)


async def nodes_with_room(service: Service, args: FilterArgs) -> NodesWithRoom:
    """The nodes of the request with room for the Pod beside Pods whose devices take some of it.

    Cost: O(1) without such devices; else O(nodes), and O(pledges) for each node where such a Pod is being
    bound.
    """
    pledges = service.decider.pledges
    if pledges is None or not pledges.needed:
        return NodesWithRoom(args.names)
    try:
        pod = await pod_of(service, args.pod)
    except ObjectError:
        return NodesWithRoom(args.names)  # its containers are kube-scheduler's matter
    position, since = service.state.inventory.changes.position, pledges.position
    # First, so that filters that run meanwhile count it.
    pledges.filtered(pod, args.distinct or args.names)
    found = await service.webhook_slice(pod.meta.namespace).run(lambda: pledges.refusal(pod, args.names))
    names = [name for name in args.names if name not in found] if found else args.names
    if found:
        pledges.filtered(pod, names)
    held = [name for name, refusal in found.items() if refusal.reasons[0].code == HELD]
    pledges.blocked(pod, () if names else held, since)
    requeuer = service.decider.requeuer
    if requeuer is not None and names:
        requeuer.passed(pod, names)
    elif requeuer is not None:
        requeuer.refused(pod, position)
    return NodesWithRoom(names, {name: node_message(refusal.reasons) for name, refusal in found.items()})


async def pod_of(service: Service, raw: JsonObject) -> Pod:
    """The Pod of a request, from the watch if that has it. Raises: ObjectError."""
    pod: Object | None = _as_watched(service.state, raw)
    if pod is None:
        whole = raw | {"apiVersion": "v1", "kind": "Pod"}
        pod = await service.webhook_slice().run_short(lambda: parse(whole))
    assert isinstance(pod, Pod)  # noqa: S101 - by its kind
    return pod


def _as_watched(state: State, raw: Mapping[str, Any]) -> Pod | None:
    """The Pod from the watch, if it is not older than this: saves parsing it again."""
    metadata = raw.get("metadata")
    if not isinstance(metadata, dict):
        return None
    name, namespace, version = (metadata.get(key) for key in ("name", "namespace", "resourceVersion"))
    if not isinstance(name, str) or not isinstance(namespace, str) or not isinstance(version, str):
        return None
    known = state.pods.get((namespace, name))
    if known is None or known.meta.uid != metadata.get("uid") or not version:
        return None
    return known if known.meta.is_as_new_as(version) else None
