"""From the devices that the search has found to the AllocationResults that are written."""

from collections.abc import Callable, Collection, Sequence

from app.core.allocator.node_devices import NodeDevices
from app.core.allocator.outcome import AllocationError, Fits, Reason
from app.core.allocator.partial_allocation import Assignment
from app.core.allocator.plan import Alternative, ClaimPlan
from app.core.model.allocation import AllocatedDevice, Allocation, AllocationConfiguration
from app.core.model.node_selector import NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from app.core.pauses import paced_if_many

FROM_CLASS = "FromClass"
FROM_CLAIM = "FromClaim"

_Requirements = dict[tuple[str, str, frozenset[str]], NodeSelectorRequirement]
"""In the order in which they came, each once, in whatever order its values are."""


def fits(
    node_devices: NodeDevices,
    chosen: Sequence[Sequence[Alternative]],
    assignments: Collection[Assignment],
    new_share_id: Callable[[], str],
) -> Fits:
    """The allocations, one a claim. ``chosen`` has the variant of each request of each claim.

    Raises:
        AllocationError: a node selector has more than one term, which the API server does not let in.
    """
    by_claim: list[list[Assignment]] = [[] for _ in node_devices.plan.claims]
    for assignment in paced_if_many(assignments):
        by_claim[assignment.alternative.claim_index].append(assignment)
    allocations = tuple(
        Allocation(
            devices=tuple(_device(node_devices, assignment, new_share_id) for assignment in own),
            config=_configuration(claim, alternatives, merges=node_devices.plan.channel.merges_configuration),
            node_selector=_node_selector(node_devices, claim, own),
        )
        for claim, alternatives, own in zip(
            paced_if_many(node_devices.plan.claims), chosen, by_claim, strict=True
        )
    )
    ranks = tuple(
        alternative.rank
        for alternatives in paced_if_many(chosen)
        for alternative in alternatives
        if alternative.is_subrequest
    )
    return Fits(allocations, ranks=ranks)


def _device(
    node_devices: NodeDevices, assignment: Assignment, new_share_id: Callable[[], str]
) -> AllocatedDevice:
    placed, spec = node_devices.devices[assignment.position], assignment.alternative.spec
    device, plan = placed.device, node_devices.plan
    conditions = plan.features.device_binding_and_status
    return AllocatedDevice(
        request=assignment.alternative.name,
        device=placed.id,
        admin_access=True if assignment.alternative.admin else None,
        tolerations=spec.tolerations if plan.channel.writes_tolerations else (),
        binding_conditions=device.binding_conditions if conditions else None,
        binding_failure_conditions=device.binding_failure_conditions if conditions else None,
        share_id=new_share_id() if assignment.charge is not None else None,
        consumed_capacity=assignment.charge.consumed if assignment.charge is not None else (),
        skip_node_operations=placed.slice.skip_node_operations if plan.channel.node_operations else (),
    )


def _configuration(
    claim: ClaimPlan, chosen: Sequence[Alternative], *, merges: bool
) -> tuple[AllocationConfiguration, ...]:
    """First the configuration of the classes, each class once, then the claim's for the met requests."""

    def written(names: Sequence[str]) -> tuple[str, ...]:
        return _unless_all(names, claim, chosen) if merges else tuple(names)

    requests: dict[str, list[str]] = {}
    for alternative in chosen:
        requests.setdefault(alternative.device_class.meta.name, []).append(alternative.name)
    classes = {alternative.device_class.meta.name: alternative.device_class for alternative in chosen}
    config = [
        AllocationConfiguration(FROM_CLASS, written(names), configuration)
        for name, names in requests.items()
        for configuration in classes[name].config
    ]
    for item in claim.claim.spec.config:
        copies = _met(item.requests, claim, chosen) if item.requests else 1
        if merges:
            copies = min(copies, 1)
        config += [AllocationConfiguration(FROM_CLAIM, written(item.requests), item.configuration)] * copies
    return tuple(config)


def _met(names: Sequence[str], claim: ClaimPlan, chosen: Sequence[Alternative]) -> int:
    """How many of the claim's requests are among the names, or their chosen subrequests are."""
    return sum(
        item.request.name in names or alternative.name in names
        for item, alternative in zip(claim.requests, chosen, strict=True)
    )


def _unless_all(names: Sequence[str], claim: ClaimPlan, chosen: Sequence[Alternative]) -> tuple[str, ...]:
    """The names, or none if that is all requests: no names mean all."""
    everywhere = all(
        item.request.name in names or alternative.name in names
        for item, alternative in zip(claim.requests, chosen, strict=True)
    )
    return () if everywhere else tuple(names)


def _node_selector(
    node_devices: NodeDevices, claim: ClaimPlan, assignments: Sequence[Assignment]
) -> NodeSelector | None:
    """Where the devices can be used from; None: everywhere."""
    expressions, fields = _Requirements(), _Requirements()
    for assignment in assignments:
        placed = node_devices.devices[assignment.position]
        source = placed.device if placed.slice.per_device_node_selection else placed.slice
        if source.node_name is not None or (
            node_devices.plan.channel.binds_to_node and placed.device.binds_to_node
        ):
            only = NodeSelectorRequirement("metadata.name", "In", (node_devices.node.name,))
            return NodeSelector((NodeSelectorTerm(match_fields=(only,)),))
        terms = source.node_selector.terms if source.node_selector is not None else ()
        if len(terms) > 1:
            message = f"device {placed.id}: a node selector with {len(terms)} terms is not supported"
            raise AllocationError(Reason("NodeSelectorInvalid", message, claim.name))
        for term in terms:
            _add_new(expressions, term.match_expressions)
            _add_new(fields, term.match_fields)
    if not expressions and not fields:
        return None
    return NodeSelector((NodeSelectorTerm(tuple(expressions.values()), tuple(fields.values())),))


def _add_new(known: _Requirements, more: Collection[NodeSelectorRequirement]) -> None:
    """O(requirements), with pauses: nothing bounds what a slice requires but its size."""
    for item in paced_if_many(more):
        known.setdefault((item.key, item.operator, item.allowed), item)
