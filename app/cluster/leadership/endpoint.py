"""The leader's address behind a Service.

Readiness cannot select the leader: followers that are never ready block each rollout and drain. So all
replicas are ready, and the Service that kube-scheduler calls has no selector: the leader writes its
single endpoint at the beginning of each term, which takes effect without waiting for a probe.
"""

import ipaddress

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import Resource
from app.cluster.client.errors import NotFoundError
from app.core.json_object import JsonObject

SLICE = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", namespaced=True)
_MANAGED_BY = "dra-extender"


class LeaderEndpoint:
    """Writes the EndpointSlice of one Service, with the Service's name.

    Args:
        client: with permission to get, create and update it.
        address: of this replica, IPv4 or IPv6.
    """

    def __init__(self, client: ApiClient, namespace: str, service: str, address: str, port: int) -> None:
        self._client = client
        self._namespace = namespace
        self._service = service
        self._address = address
        self._port = port

    async def publish(self) -> None:
        """Makes this replica the only endpoint. Raises: ClusterError."""
        body = self._body()
        path = SLICE.path(self._namespace, self._service)
        try:
            old = await self._client.get(path)
        except NotFoundError:
            await self._client.post(SLICE.path(self._namespace), body)
            return
        body["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        await self._client.put(path, body)

    def _body(self) -> JsonObject:
        version = ipaddress.ip_address(self._address).version
        return {
            "apiVersion": SLICE.api_version,
            "kind": SLICE.kind,
            "metadata": {
                "name": self._service,
                "namespace": self._namespace,
                "labels": {
                    "kubernetes.io/service-name": self._service,
                    "endpointslice.kubernetes.io/managed-by": _MANAGED_BY,
                },
            },
            "addressType": f"IPv{version}",
            "endpoints": [{"addresses": [self._address], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": self._port, "protocol": "TCP"}],
        }
