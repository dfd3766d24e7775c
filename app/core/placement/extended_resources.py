"""The claim behind a Pod's extended resources, which differs from node to node.

A node that offers a resource by device plugin gives it that way; on every other node the devices of the
resource's DeviceClass are wanted, and the scheduler makes a claim for them (KEP-5004). The rules are those
of extendeddynamicresources.go in the in-tree plugin, with one difference: a claim left by an earlier
attempt is used again where it still is what the node needs, and only freed where it is in the way.
"""

import hashlib
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
"""Where the name of an entry of spec.resourceClaims stands otherwise: these have none."""

_NAME_LENGTH = 63  # of what the API server makes of a generateName
_SUFFIX_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Needs:
    """What a Pod needs beyond the claims in its spec, on nodes of one kind.

    ``backed`` are the resources that the nodes do not count, since devices stand for them; ``claim`` asks
    for these. With ``refusal``, the Pod fits none of the nodes; it is for ``stale`` then, if set, a claim
    that an earlier attempt has left.
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
    """A Pod's extended resources, node by node. False if no class stands for any of them.

    Cost: O(requests) for each kind of nodes; a look at each resource for a node of a kind seen before.
    """

    def __init__(self, state: State, pod: Pod) -> None:
        self._state = state
        self._pod = pod
        classes = state.resource_classes
        mapped = any(request.resource in classes for request in pod.extended)
        self._wanted = sorted({request.resource for request in pod.extended}) if mapped else []
        self._left = state.extended_claim(pod) if mapped and pod.meta.uid else None
        self._known: dict[tuple[str, ...], Needs] = {}

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def on(self, node: Node) -> Needs:
        """What the Pod needs on a node."""
        lacking = tuple(name for name in self._wanted if not _offers(node, name))
        if lacking not in self._known:
            self._known[lacking] = self._needs(lacking)
        return self._known[lacking]

    def _needs(self, lacking: tuple[str, ...]) -> Needs:
        classes = self._state.resource_classes
        unknown = next((name for name in lacking if name not in classes), None)
        if unknown is not None:
            text = f"node has no {unknown}, and no DeviceClass stands for it"
            return Needs(refusal=Reason("ResourceNotOffered", text))
        fresh = self._claim(lacking) if lacking else None
        if self._left is None:
            return Needs(frozenset(lacking), fresh)
        name, backed = "/".join(self._left.meta.key), frozenset(lacking)
        if self._left.meta.deleted is not None:
            text = f"ResourceClaim {name}, which an earlier attempt has left, is being deleted"
            return Needs(backed, refusal=Reason("ClaimDeleted", text, name))
        if fresh is not None and fresh.claim.spec == self._left.spec:
            return Needs(backed, replace(fresh, claim=self._left, generated=False))
        text = f"ResourceClaim {name}, which an earlier attempt has left, is not what this node needs"
        reason = Reason("ExtendedClaimStale", text, name)
        return Needs(backed, refusal=reason, stale=HeldClaim(POD_CLAIM, self._left))

    def _claim(self, resources: tuple[str, ...]) -> HeldClaim:
        pod = self._pod
        requests: list[DeviceRequest] = []
        mappings: list[RequestMapping] = []
        for resource in resources:
            wanted = [request for request in pod.extended if request.resource == resource]
            made, mapped = _requests(wanted, self._state.resource_classes[resource].meta.name)
            requests += made
            mappings += mapped
        spec = ClaimSpec(requests=tuple(sorted(requests, key=lambda request: request.name)))
        return HeldClaim(POD_CLAIM, ResourceClaim(_meta(pod), spec), generated=True, mappings=tuple(mappings))


def _offers(node: Node, resource: str) -> bool:
    amount = node.allocatable.get(resource)
    return amount is not None and amount.nanos > 0


def _requests(
    wanted: Sequence[ResourceRequest], device_class: str
) -> tuple[list[DeviceRequest], list[RequestMapping]]:
    """The requests for one resource, and which container uses which.

    Containers that run side by side each have their own. An init container that ends before the others
    begin uses theirs, and only what it needs beyond these is asked for; since such containers run one
    after another, the largest of those requests serves all of them.
    """
    lasting = [(item, _device_request(item, device_class, item.count)) for item in wanted if not item.passing]
    mappings = [RequestMapping(item.container, item.resource, made.name) for item, made in lasting]
    extra: list[tuple[DeviceRequest, int]] = []
    passing: list[tuple[ResourceRequest, str | None]] = []
    for item in wanted:
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

    The name looks like one that the API server generates, but follows from the Pod's uid: an attempt
    whose answer was lost finds its claim again instead of making another one.
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
