"""The claims of a Pod."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.core.allocator import Reason
from app.core.model.meta import Meta, OwnerReference
from app.core.model.pod import Pod
from app.core.model.pod_claim import PodClaim
from app.core.model.pod_group import GROUP, PodGroup, made_for_group
from app.core.model.resource_claim import (
    MAX_RESERVED_FOR,
    ConsumerReference,
    ResourceClaim,
    ResourceClaimTemplate,
)
from app.core.pauses import paced
from app.core.placement.rules import Rules
from app.core.state.state import State


@dataclass(frozen=True, slots=True)
class RequestMapping:
    """The request of a claim with a container's devices for an extended resource."""

    container: str
    resource: str
    request: str


@dataclass(frozen=True, slots=True)
class HeldClaim:
    """A claim under its name in the Pod.

    ``generated``: it does not exist yet, but was generated here: from a template, for a dry run, or for
    extended resources. For the latter, ``mappings`` are the requests of containers. ``group``: the Pod's
    PodGroup, if the claim is the group's: it is reserved for the group. ``by_name``: the Pod names the claim,
    so that others may use it, too.
    """

    pod_claim: str
    claim: ResourceClaim
    generated: bool = False
    mappings: tuple[RequestMapping, ...] = ()
    group: ConsumerReference | None = None
    by_name: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name of the claim."""
        return self.claim.meta.key


class UnschedulableError(Exception):
    """A Pod that fits on no node for now, because of its claims.

    The rules are those of PreFilter in the in-tree plugin.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


def claims_of(state: State, pod: Pod, rules: Rules) -> tuple[HeldClaim, ...]:
    """The Pod's claims in the order of spec.resourceClaims; entries without a claim are left out.

    Raises:
        UnschedulableError: a claim is missing, deleted, someone else's, or used by too many Pods; or the
            Pod's PodGroup is missing, so that it is unknown whether a claim is the group's.
    """
    grouped = bool(pod.group and pod.claims) and rules.features.workload_resource_claims
    group = state.groups.get((pod.meta.namespace, pod.group)) if grouped else None
    if rules.groups_known and group is None and grouped:
        name = f"{pod.meta.namespace}/{pod.group}"
        raise UnschedulableError(
            Reason("PodGroupNotFound", f"waiting for PodGroup {name}: it does not exist")
        )
    held: list[HeldClaim] = []
    for entry in paced(pod.claims):
        shared = group is not None and entry in group.claims
        found = _find(state, pod, entry, group if shared else None, rules)
        if found is not None:
            known = found if group is None or not shared else replace(found, group=group.consumer)
            _check(pod, entry, known, rules)
            held.append(known)
    return tuple(held)


def _find(state: State, pod: Pod, entry: PodClaim, group: PodGroup | None, rules: Rules) -> HeldClaim | None:
    """``group``: the Pod's PodGroup, if the entry is the group's too (BindTo in resourceclaim)."""
    namespace = pod.meta.namespace
    if entry.claim_name is not None:
        claim = state.claim((namespace, entry.claim_name))
        if claim is None:
            keys = (item.meta.key for item in state.claims())
            text = f"it does not exist{_elsewhere(keys, entry.claim_name, rules)}"
            raise _refusal("ClaimNotFound", "waiting for ResourceClaim", namespace, entry.claim_name, text)
        return HeldClaim(entry.name, claim, by_name=True)
    statuses = pod.claim_statuses
    if rules.generate_claims and group is not None and entry.name not in statuses:
        statuses = group.claim_statuses
    if entry.name in statuses:
        name = statuses[entry.name]
        if name is None:
            return None
        claim = state.claim((namespace, name))
        if claim is not None:
            return HeldClaim(entry.name, claim)
        raise _refusal(
            "WaitingForClaim", "waiting for ResourceClaim", namespace, name, "it does not exist yet"
        )
    if rules.generate_claims:
        return _generated(state, pod, entry, group, rules)
    _template(state, namespace, entry, rules)
    raise UnschedulableError(
        Reason(
            "WaitingForClaim",
            f"ResourceClaim for {entry.name!r} has not been created from template {entry.template_name} yet",
        )
    )


def _template(state: State, namespace: str, entry: PodClaim, rules: Rules) -> ResourceClaimTemplate:
    """Raises: UnschedulableError: the template does not exist."""
    name = entry.template_name or ""
    template = state.templates.get((namespace, name))
    if template is not None:
        return template
    hint = _elsewhere(state.templates, name, rules)
    text = f"ResourceClaimTemplate {namespace}/{name} does not exist{hint}"
    raise UnschedulableError(Reason("TemplateNotFound", text))


def _generated(state: State, pod: Pod, entry: PodClaim, group: PodGroup | None, rules: Rules) -> HeldClaim:
    """The claim for a Pod that does not exist yet, or the one that its group's Pods before it share."""
    namespace = pod.meta.namespace
    template = _template(state, namespace, entry, rules)
    owner = OwnerReference("Pod", pod.meta.name, pod.meta.uid, controller=True)
    if group is not None:
        owner = OwnerReference("PodGroup", group.meta.name, group.meta.uid, controller=True, api_group=GROUP)
    meta = Meta(
        name=f"{owner.name or pod.meta.generate_name}-{entry.name}",
        namespace=namespace,
        labels=template.claim_meta.labels,
        annotations=template.claim_meta.annotations,
        owners=(owner,),
    )
    made = state.claim(meta.key) if group is not None else None
    if made is not None and made.meta.controller == owner:
        return HeldClaim(entry.name, made)
    return HeldClaim(entry.name, ResourceClaim(meta, template.spec), generated=True)


def _elsewhere(keys: Iterable[tuple[str, str]], name: str | None, rules: Rules) -> str:
    """Names a namespace with an object of this name: a Pod can only use those in its namespace. O(keys)."""
    if not rules.other_namespaces:
        return ""
    other = min((space for space, known in paced(keys) if known == name), default="")
    return f"; namespace {other} has one of this name" if other else ""


def _check(pod: Pod, entry: PodClaim, held: HeldClaim, rules: Rules) -> None:
    claim = held.claim
    namespace, name = held.key
    if claim.meta.deleted is not None:
        raise _refusal("ClaimDeleted", "ResourceClaim", namespace, name, "is being deleted")
    if entry.template_name is not None and pod.meta.uid and (text := _of_others(pod, claim, rules)):
        raise _refusal("ClaimNotOwned", "ResourceClaim", namespace, name, text)
    user = held.group.uid if held.group is not None else pod.meta.uid
    reserved = any(consumer.uid == user for consumer in claim.reserved_for)
    if len(claim.reserved_for) >= MAX_RESERVED_FOR and not reserved:
        text = f"is in use by {MAX_RESERVED_FOR} Pods, which is the maximum"
        raise _refusal("ClaimInUse", "ResourceClaim", namespace, name, text)


def group_has_nodes(state: State, pod: Pod) -> bool:
    """Whether any Pod of the Pod's PodGroup has a node, and so may use the claims of the group. O(Pods)."""
    namespace = pod.meta.namespace
    return any(
        other.node_name
        and other.group == pod.group
        and other.meta.namespace == namespace
        and not other.finished
        for other in paced(list(state.pods.values()))  # they may change in a pause
    )


def _of_others(pod: Pod, claim: ResourceClaim, rules: Rules) -> str:
    """IsForPod in resourceclaim: empty if it is for the Pod or, by its name, for its PodGroup."""
    owner = claim.meta.controller
    if owner is not None and owner.uid == pod.meta.uid:
        return ""
    if not pod.group or not made_for_group(claim, pod.group):
        return f"was not created for Pod {pod.meta.name}"
    if rules.features.workload_resource_claims:
        return ""
    gate = "the feature gate DRAWorkloadResourceClaims is off"
    return f"was created for PodGroup {pod.group}, and {gate}"


def _refusal(code: str, subject: str, namespace: str, name: str, text: str) -> UnschedulableError:
    claim = f"{namespace}/{name}"
    return UnschedulableError(
        Reason(
            code,
            f"{subject} {claim}: {text}" if text.startswith("it ") else f"{subject} {claim} {text}",
            claim,
        )
    )
