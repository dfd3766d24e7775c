"""What the API server says of a Pod now, for those to whom the watch may be late."""

from app.cluster.call import Object
from app.cluster.discovery import POD
from app.cluster.errors import NotFound
from app.cluster.patience import Requests


async def read_pod(client: Requests, namespace: str, name: str, uid: str) -> Object | None:
    """The Pod; None if it is gone, or another one has its name. Cost: one request. Raises: ClusterError."""
    try:
        pod = await client.get(POD.path(namespace, name))
    except NotFound:
        return None
    return pod if (pod.get("metadata") or {}).get("uid") == uid else None


def node_of(pod: Object) -> str:
    """The node that a Pod is bound to; empty if to none."""
    return str((pod.get("spec") or {}).get("nodeName") or "")
