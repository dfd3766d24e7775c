"""The claim for a Pod's extended resources, which differs from node to node.

A node with a device plugin for the resource provides it that way; on every other node the Pod needs
devices of the resource's DeviceClass, and the scheduler creates a claim for them (KEP-5004). The rules
are those of extendeddynamicresources.go in the in-tree plugin, with one difference: the claim of an
earlier attempt is reused if it still matches the node's needs, and only freed otherwise.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.core.allocator import Reason
from app.core.model.extended_resources import ResourceRequest
from app.core.model.meta import Meta, OwnerReference
from app.core.model.node import Node
from app.core.model.pod import Pod
from app.core.model.resource_claim import (
    EXTENDED_ANNOTATION,
    ClaimSpec,
    DeviceRequest,
    RequestSpec,
    ResourceClaim,
)
from app.core.placement.pod_claims import HeldClaim, RequestMapping, UnschedulableError
from app.core.state.state import State

POD_CLAIM = "extended-resources"
"""Placeholder for the name of an entry in spec.resourceClaims, which these claims do not have."""

_NAME_LENGTH = 63  # limit of the API server for a generateName
_SUFFIX_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Needs:
    """The needs of a Pod beyond the claims in its spec, on nodes of one kind.

    ``backed`` are the resources that devices provide, so that the nodes do not count them; ``claim``
    requests these. With ``refusal``, the Pod fits none of the nodes; if set, ``stale`` is the cause, a
    claim of an earlier attempt.
    """

    backed: frozenset[str] = frozenset()
    claim: HeldClaim | None = None
    refusal: Reason | None = None
    stale: HeldClaim | None = None

    def claims(self) -> tuple[HeldClaim, ...]:
        """The claim, if one is needed. Raises: UnschedulableError."""
        if self.refusal is not None:
            raise UnschedulableError(self.refusal)
        return (self.claim,) if self.claim is not None else ()


class ExtendedResources:
    """A Pod's extended resources, node by node.

    False if no class provides any of them. With the feature ExtendedResource off, classes provide nothing:
    such a Pod fits only nodes whose device plugins offer all resources, as kube-scheduler requires then.
    Cost: O(requests) for each kind of nodes; O(resources) for a node of a known kind.
    """

    def __init__(self, state: State, pod: Pod, *, by_class: bool) -> None:
        self._state = state
        self._by_class = by_class
        self._pod = pod
        classes = state.resource_classes
        mapped = any(request.resource in classes for request in pod.extended)
        counted = mapped or not by_class
        self._wanted = sorted({request.resource for request in pod.extended}) if counted else []
        self._left = state.extended_claim(pod) if mapped and by_class and pod.meta.uid else None
        self._known: dict[tuple[str, ...], Needs] = {}

    def __bool__(self) -> bool:
        return bool(self._wanted)

    @property
    def started(self) -> bool:
        """Whether an earlier attempt of the Pod has left a claim."""
        return self._left is not None

    def on(self, node: Node) -> Needs:
        """The Pod's needs on a node."""
        lacking = tuple(name for name in self._wanted if not _offers(node, name))
        if lacking not in self._known:
            self._known[lacking] = self._needs(lacking)
        return self._known[lacking]

    def _needs(self, lacking: tuple[str, ...]) -> Needs:
        if not self._by_class:
            return Needs(refusal=self._switched_off(lacking[0])) if lacking else Needs()
        classes = self._state.resource_classes
        unknown = next((name for name in lacking if name not in classes), None)
        if unknown is not None:
            text = f"node(s) had no {unknown}, and no DeviceClass provides it"
            # What classes provide is not short on the node: the unknown resource is the only cause.
            provided = frozenset(name for name in lacking if name in classes)
            return Needs(provided, refusal=Reason("ResourceNotOffered", text))
        fresh = self._claim(lacking) if lacking else None
        if self._left is None:
            return Needs(frozenset(lacking), fresh)
        name, backed = "/".join(self._left.meta.key), frozenset(lacking)
        if self._left.meta.deleted is not None:
            text = f"ResourceClaim {name} of an earlier attempt is being deleted"
            return Needs(backed, refusal=Reason("ClaimDeleted", text, name))
        if fresh is not None and fresh.claim.spec == self._left.spec:
            return Needs(backed, replace(fresh, claim=self._left, generated=False))
        text = f"node(s) did not match ResourceClaim {name} of an earlier attempt"
        reason = Reason("ExtendedClaimStale", text, name)
        return Needs(backed, refusal=reason, stale=HeldClaim(POD_CLAIM, self._left))

    def _switched_off(self, resource: str) -> Reason:
        by_class = resource in self._state.resource_classes
        hint = ", and the feature DRAExtendedResource is disabled" if by_class else ""
        return Reason("ResourceNotOffered", f"node(s) had no {resource}{hint}")

    def _claim(self, resources: tuple[str, ...]) -> HeldClaim:
        pod = self._pod
        requests: list[DeviceRequest] = []
        mappings: list[RequestMapping] = []
        requested = defaultdict[str, list[ResourceRequest]](list)
        for request in pod.extended:
            requested[request.resource].append(request)
        for resource in resources:
            device_class = self._state.resource_classes.get(resource)
            if device_class is None:
                raise ValueError(f"no class provides {resource}")
            made, mapped = _requests(requested[resource], device_class.meta.name)
            requests += made
            mappings += mapped
        spec = ClaimSpec(requests=tuple(sorted(requests, key=lambda request: request.name)))
        return HeldClaim(POD_CLAIM, ResourceClaim(_meta(pod), spec), generated=True, mappings=tuple(mappings))


def _offers(node: Node, resource: str) -> bool:
    amount = node.allocatable.get(resource)
    return amount is not None and amount.nanos > 0


def _requests(
    requested: Sequence[ResourceRequest], device_class: str
) -> tuple[list[DeviceRequest], list[RequestMapping]]:
    """The requests for one resource, and their containers.

    Containers that run concurrently have separate requests. An init container that ends before the others
    start uses their devices, and only its additional need is requested; since such containers run
    sequentially, the largest of these requests is enough for all.
    """
    lasting = [
        (item, _device_request(item, device_class, item.count)) for item in requested if not item.passing
    ]
    mappings = [RequestMapping(item.container, item.resource, made.name) for item, made in lasting]
    extra: list[tuple[DeviceRequest, int]] = []
    passing: list[tuple[ResourceRequest, str | None]] = []
    for item in requested:
        if not item.passing:
            continue
        short = item.count
        for other, made in lasting:
            if short > 0 and other.index >= item.index:
                short -= other.count
                passing.append((item, made.name))
        if short > 0:
            extra.append((_device_request(item, device_class, short), short))
            passing.append((item, None))
    requests = [made for _, made in lasting]
    largest = max(extra, key=lambda pair: pair[1], default=None)
    if largest is not None:
        requests.append(largest[0])
    for item, name in passing:
        shared = largest[0].name if largest is not None else ""
        mappings.append(RequestMapping(item.container, item.resource, name or shared))
    return requests, mappings


def _device_request(item: ResourceRequest, device_class: str, count: int) -> DeviceRequest:
    name = f"container-{item.index}-request-{item.rank}"
    return DeviceRequest(name, RequestSpec(name, device_class, count=count))


def _meta(pod: Pod) -> Meta:
    """Metadata of the claim.

    The name looks like a generated one, but is derived from the Pod's UID: after a lost response the next
    attempt finds its claim instead of creating another one.
    """
    pod_name = pod.meta.name or pod.meta.generate_name
    prefix = f"{pod_name}-{POD_CLAIM}-"
    identity = pod.meta.uid or f"{pod.meta.namespace}/{pod_name}"
    suffix = hashlib.sha256(identity.encode()).hexdigest()[:_SUFFIX_LENGTH]
    return Meta(
        name=prefix[: _NAME_LENGTH - _SUFFIX_LENGTH] + suffix,
        namespace=pod.meta.namespace,
        generate_name=prefix,
        annotations={EXTENDED_ANNOTATION: "true"},
        owners=(OwnerReference("Pod", pod_name, pod.meta.uid, controller=True),),
    )
