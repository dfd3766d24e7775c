"""The claims of a Pod."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.core.allocator import Reason
from app.core.model.meta import Meta, OwnerReference
from app.core.model.pod import Pod, PodClaim
from app.core.model.resource_claim import MAX_RESERVED_FOR, ResourceClaim
from app.core.pauses import paced
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
    extended resources. For the latter, ``mappings`` are the requests of containers.
    """

    pod_claim: str
    claim: ResourceClaim
    generated: bool = False
    mappings: tuple[RequestMapping, ...] = ()

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


def claims_of(state: State, pod: Pod, *, generate: bool) -> tuple[HeldClaim, ...]:
    """The Pod's claims in the order of spec.resourceClaims; entries without a claim are left out.

    Raises:
        UnschedulableError: a claim is missing, deleted, someone else's, or used by too many Pods.
    """
    held: list[HeldClaim] = []
    for entry in pod.claims:
        found = _find(state, pod, entry, generate=generate)
        if found is not None:
            _check(pod, found)
            held.append(found)
    return tuple(held)


def _find(state: State, pod: Pod, entry: PodClaim, *, generate: bool) -> HeldClaim | None:
    namespace = pod.meta.namespace
    if entry.claim_name is not None:
        claim = state.claim((namespace, entry.claim_name))
        if claim is None:
            text = "it does not exist" + _elsewhere(
                (item.meta.key for item in state.claims()), entry.claim_name
            )
            raise _refusal("ClaimNotFound", "waiting for ResourceClaim", namespace, entry.claim_name, text)
        return HeldClaim(entry.name, claim)
    if entry.name in pod.claim_statuses:
        name = pod.claim_statuses[entry.name]
        if name is None:
            return None
        claim = state.claim((namespace, name))
        if claim is not None:
            return HeldClaim(entry.name, claim)
        raise _refusal(
            "WaitingForClaim", "waiting for ResourceClaim", namespace, name, "it does not exist yet"
        )
    if generate:
        return HeldClaim(entry.name, _generated(state, pod, entry), generated=True)
    raise UnschedulableError(
        Reason(
            "WaitingForClaim",
            f"ResourceClaim for {entry.name!r} has not been created from template {entry.template_name} yet",
        )
    )


def _generated(state: State, pod: Pod, entry: PodClaim) -> ResourceClaim:
    namespace = pod.meta.namespace
    template = state.templates.get((namespace, entry.template_name or ""))
    if template is None:
        name = f"{namespace}/{entry.template_name}"
        text = f"ResourceClaimTemplate {name} does not exist"
        raise UnschedulableError(
            Reason("TemplateNotFound", text + _elsewhere(state.templates, entry.template_name))
        )
    meta = Meta(
        name=f"{pod.meta.name or pod.meta.generate_name}-{entry.name}",
        namespace=namespace,
        labels=template.claim_meta.labels,
        annotations=template.claim_meta.annotations,
        owners=(OwnerReference("Pod", pod.meta.name, pod.meta.uid, controller=True),),
    )
    return ResourceClaim(meta, template.spec)


def _elsewhere(keys: Iterable[tuple[str, str]], name: str | None) -> str:
    """Names a namespace with an object of this name: a Pod can only use those in its namespace. O(keys)."""
    other = min((space for space, known in paced(keys) if known == name), default="")
    return f"; namespace {other} has one of this name" if other else ""


def _check(pod: Pod, held: HeldClaim) -> None:
    claim = held.claim
    namespace, name = held.key
    if claim.meta.deleted is not None:
        raise _refusal("ClaimDeleted", "ResourceClaim", namespace, name, "is being deleted")
    owner = claim.meta.controller
    if _from_template(pod, held) and pod.meta.uid and (owner is None or owner.uid != pod.meta.uid):
        raise _refusal(
            "ClaimNotOwned", "ResourceClaim", namespace, name, f"was not created for Pod {pod.meta.name}"
        )
    reserved = any(consumer.uid == pod.meta.uid for consumer in claim.reserved_for)
    if len(claim.reserved_for) >= MAX_RESERVED_FOR and not reserved:
        text = f"is in use by {MAX_RESERVED_FOR} Pods, which is the maximum"
        raise _refusal("ClaimInUse", "ResourceClaim", namespace, name, text)


def _from_template(pod: Pod, held: HeldClaim) -> bool:
    return any(entry.name == held.pod_claim and entry.template_name is not None for entry in pod.claims)


def _refusal(code: str, subject: str, namespace: str, name: str, text: str) -> UnschedulableError:
    claim = f"{namespace}/{name}"
    return UnschedulableError(
        Reason(
            code,
            f"{subject} {claim}: {text}" if text.startswith("it ") else f"{subject} {claim} {text}",
            claim,
        )
    )
