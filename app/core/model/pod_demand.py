"""What a Pod takes of its node in all, with what its devices take of it.

The rules are those of PodRequests in component-helpers/resource, with the option
UseDRANodeAllocatableResourceClaimStatus.
"""

from collections.abc import Iterable, Mapping

from app.core.model.claim_amounts import ClaimAmounts
from app.core.model.pod import Pod
from app.core.model.pod_parts import add, sum_of_containers


def demand_of(pod: Pod, amounts: Iterable[ClaimAmounts], *, by_container: bool = False) -> dict[str, int]:
    """The resources that the Pod takes, in nano units by name.

    Requests of the Pod as a whole cover what its devices take, as they cover its containers.

    Args:
        by_container: an overhead for each container counts while the container runs, as since Kubernetes
            1.38; until then that of init containers counts at all times.
    Cost: O(resources of the Pod and of its claims).
    """
    amounts = tuple(amounts)
    if not amounts:
        return {name: amount.nanos for name, amount in pod.requests.items()}
    if pod.parts is None:
        total = {name: amount.nanos for name, amount in pod.requests.items()}
        add(total, _at_all_times(amounts))
        return total
    total = containers_with(pod, amounts, by_container=by_container)
    total |= pod.parts.requests
    add(total, {name: amount.nanos for name, amount in pod.parts.overhead.items()})
    return total


def containers_with(
    pod: Pod, amounts: Iterable[ClaimAmounts], *, by_container: bool, limits: bool = False
) -> dict[str, int]:
    """The containers and devices of a Pod with parts, without the requests of the Pod as a whole."""
    parts, amounts = pod.parts, tuple(amounts)
    containers = parts.containers if parts is not None else ()
    if not by_container:
        total = sum_of_containers(containers, {}, limits=limits)
        add(total, _at_all_times(amounts))
        return total
    total = sum_of_containers(containers, _for_containers(amounts), limits=limits)
    for claim in amounts:
        add(total, _fixed(claim))
    return total


def container_with(amounts: Iterable[ClaimAmounts], container: str) -> dict[str, int]:
    """What the devices of a container may use beside its limits: GetContainerDRAAllocations."""
    total: dict[str, int] = {}
    for claim in amounts:
        if container in claim.containers:
            add(total, _fixed(claim))
            add(total, _for_each(claim))
    return total


def _at_all_times(amounts: Iterable[ClaimAmounts]) -> dict[str, int]:
    total: dict[str, int] = {}
    for claim in amounts:
        add(total, _fixed(claim))
        number = len(claim.containers)
        add(total, {name: nanos * number for name, nanos in _for_each(claim).items()})
    return total


def _for_containers(amounts: Iterable[ClaimAmounts]) -> dict[str, Mapping[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for claim in amounts:
        for container in claim.containers:
            add(found.setdefault(container, {}), _for_each(claim))
    return dict(found)


def _fixed(claim: ClaimAmounts) -> dict[str, int]:
    """The mapping and the overhead for the Pod: they count whichever containers use the claim."""
    total: dict[str, int] = {}
    for name, amount in claim.mapping:
        add(total, {name: amount.nanos})
    for item in claim.overhead:
        add(total, {item.resource: item.per_pod.nanos if item.per_pod is not None else 0})
    return total


def _for_each(claim: ClaimAmounts) -> dict[str, int]:
    """The overhead for each container."""
    return {
        item.resource: item.per_container.nanos for item in claim.overhead if item.per_container is not None
    }
