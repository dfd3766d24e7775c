"""From the devices that the search has found to the AllocationResults that are written."""

from collections.abc import Callable, Iterable, Sequence

from app.core.allocator.node_devices import Board
from app.core.allocator.outcome import Fits, InputError, Reason
from app.core.allocator.partial_allocation import Grant
from app.core.allocator.plan import ClaimPlan, Variant
from app.core.model.allocation import AllocatedDevice, Allocation, AllocationConfiguration
from app.core.model.node_selector import NodeSelector, NodeSelectorRequirement, NodeSelectorTerm

FROM_CLASS = "FromClass"
FROM_CLAIM = "FromClaim"


def fits(
    board: Board,
    chosen: Sequence[Sequence[Variant]],
    grants: Iterable[Grant],
    new_share_id: Callable[[], str],
) -> Fits:
    """The allocations, one a claim. ``chosen`` has the variant of each request of each claim.

    Raises:
        InputError: a node selector has more than one term, which the API server does not let in.
    """
    by_claim: list[list[Grant]] = [[] for _ in board.plan.claims]
    for grant in grants:
        by_claim[grant.variant.claim_index].append(grant)
    allocations = tuple(
        Allocation(
            devices=tuple(_device(board, grant, new_share_id) for grant in own),
            config=_configuration(claim, variants),
            node_selector=_node_selector(board, claim, own),
        )
        for claim, variants, own in zip(board.plan.claims, chosen, by_claim, strict=True)
    )
    ranks = tuple(variant.rank for variants in chosen for variant in variants if variant.is_subrequest)
    return Fits(allocations, ranks=ranks)


def _device(board: Board, grant: Grant, new_share_id: Callable[[], str]) -> AllocatedDevice:
    placed, spec = board.devices[grant.position], grant.variant.spec
    device, plan = placed.device, board.plan
    conditions = plan.features.device_binding_and_status
    return AllocatedDevice(
        request=grant.variant.name,
        device=placed.id,
        admin_access=True if grant.variant.admin else None,
        tolerations=spec.tolerations,
        binding_conditions=device.binding_conditions if conditions else None,
        binding_failure_conditions=device.binding_failure_conditions if conditions else None,
        share_id=new_share_id() if grant.charge is not None else None,
        consumed_capacity=grant.charge.consumed if grant.charge is not None else (),
        skip_node_operations=placed.slice.skip_node_operations if plan.channel.node_operations else (),
    )


def _configuration(claim: ClaimPlan, chosen: Sequence[Variant]) -> tuple[AllocationConfiguration, ...]:
    """First what the classes say, each class once, then what the claim says for requests that were met."""
    requests: dict[str, list[str]] = {}
    for variant in chosen:
        requests.setdefault(variant.device_class.meta.name, []).append(variant.name)
    classes = {variant.device_class.meta.name: variant.device_class for variant in chosen}
    config = [
        AllocationConfiguration(FROM_CLASS, _unless_all(names, claim, chosen), configuration)
        for name, names in requests.items()
        for configuration in classes[name].config
    ]
    met = {variant.name for variant in chosen} | {item.request.name for item in claim.requests}
    for item in claim.claim.spec.config:
        if not item.requests or not met.isdisjoint(item.requests):
            requests_of = _unless_all(item.requests, claim, chosen)
            config.append(AllocationConfiguration(FROM_CLAIM, requests_of, item.configuration))
    return tuple(config)


def _unless_all(names: Sequence[str], claim: ClaimPlan, chosen: Sequence[Variant]) -> tuple[str, ...]:
    """The names, or none if that is all requests: no names mean all."""
    everywhere = all(
        item.request.name in names or variant.name in names
        for item, variant in zip(claim.requests, chosen, strict=True)
    )
    return () if everywhere else tuple(names)


def _node_selector(board: Board, claim: ClaimPlan, grants: Sequence[Grant]) -> NodeSelector | None:
    """Where the devices can be used from; None: everywhere."""
    found: tuple[list[NodeSelectorRequirement], list[NodeSelectorRequirement]] = ([], [])
    for grant in grants:
        placed = board.devices[grant.position]
        source = placed.device if placed.slice.per_device_node_selection else placed.slice
        if source.node_name is not None or (board.plan.channel.binds_to_node and placed.device.binds_to_node):
            only = NodeSelectorRequirement("metadata.name", "In", (board.node.name,))
            return NodeSelector((NodeSelectorTerm(match_fields=(only,)),))
        terms = source.node_selector.terms if source.node_selector is not None else ()
        if len(terms) > 1:
            message = f"device {placed.id}: a node selector with {len(terms)} terms is not supported"
            raise InputError(Reason("NodeSelectorInvalid", message, claim.name))
        for term in terms:
            _add_new(found[0], term.match_expressions)
            _add_new(found[1], term.match_fields)
    if not found[0] and not found[1]:
        return None
    return NodeSelector((NodeSelectorTerm(tuple(found[0]), tuple(found[1])),))


def _add_new(known: list[NodeSelectorRequirement], more: Iterable[NodeSelectorRequirement]) -> None:
    for item in more:
        if not any(
            item.key == other.key
            and item.operator == other.operator
            and set(item.values) == set(other.values)
            for other in known
        ):
            known.append(item)
