"""Whose claims a Pod uses: its own, and those of its PodGroup."""

from dataclasses import replace

import pytest

from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError, on_pause
from app.core.placement.pod_claims import UnschedulableError, claims_of, group_has_nodes
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.objects import (
    allocation,
    claim,
    device,
    device_class,
    grouped,
    node,
    of_group,
    owned,
    pod,
    pod_group,
    slice_of,
    template,
)
from tests.pausing import Meter, interrupted_after

RULES = Rules(SelectorCache(), lambda: "s", groups_known=True)
DRY = replace(RULES, generate_claims=True, groups_known=False)


def state_of(*objects: JsonObject) -> State:
    state = State()
    for raw in objects:
        state.upsert(parse(raw))  # type: ignore[arg-type]  # no workloads
    return state


def read(raw: JsonObject) -> Pod:
    found = parse(raw)
    assert isinstance(found, Pod)
    return found


OWN = grouped(pod("p", templates=("t",)), "g", t="p-t")
SHARED = grouped(pod("p", templates=("t",)), "g", t="g-t")
GROUPS_CLAIM = of_group(claim("g-t"), "g")
RENAMED = grouped(pod("p"), "g")
RENAMED["spec"]["resourceClaims"] = [{"name": "other", "resourceClaimName": "c"}]

# The Pod, its PodGroup, its claim; whether the claim is reserved for the group.
WHOSE: dict[str, tuple[JsonObject, JsonObject, JsonObject, bool]] = {
    "of-a-template-of-the-group": (SHARED, pod_group("g", templates=("t",)), GROUPS_CLAIM, True),
    "by-name-in-the-group": (grouped(pod("p", "c"), "g"), pod_group("g", "c"), claim("c"), True),
    "of-the-pod-alone": (OWN, pod_group("g"), owned(claim("p-t"), "Pod", "p", "uid-p"), False),
    "by-name-in-the-pod-alone": (grouped(pod("p", "c"), "g"), pod_group("g"), claim("c"), False),
    "another-entry-of-the-group": (grouped(pod("p", "c"), "g"), pod_group("g", "d"), claim("c"), False),
    "the-same-claim-by-another-entry": (RENAMED, pod_group("g", "c"), claim("c"), False),
    "owned-by-the-group-but-not-its-entry": (SHARED, pod_group("g"), GROUPS_CLAIM, False),
}


@pytest.mark.parametrize(("made", "group", "item", "shared"), WHOSE.values(), ids=WHOSE)
def test_a_claim_of_the_group_is_reserved_for_the_group(
    made: JsonObject, group: JsonObject, item: JsonObject, shared: bool
) -> None:
    (held,) = claims_of(state_of(group, item), read(made), RULES)
    reference = None if held.group is None else held.group.to_json()
    expected = {
        "apiGroup": "scheduling.k8s.io",
        "resource": "podgroups",
        "name": "g",
        "uid": "uid-of-group-g",
    }
    assert reference == (expected if shared else None)


OTHERS = [{"resource": "pods", "name": f"o{number}", "uid": f"o{number}"} for number in range(256)]
FULL = claim("c") | {"status": {"allocation": allocation("n1", "d0"), "reservedFor": OTHERS}}
UNUSABLE: dict[str, tuple[JsonObject, list[JsonObject], str]] = {
    "unknown-group": (SHARED, [GROUPS_CLAIM], "PodGroupNotFound"),
    "made-for-another-group": (
        SHARED,
        [pod_group("g", templates=("t",)), of_group(claim("g-t"), "other")],
        "ClaimNotOwned",
    ),
    "made-for-a-group-of-another-project": (
        SHARED,
        [pod_group("g", templates=("t",)), of_group(claim("g-t"), "g", "scheduling.x-k8s.io/v1alpha1")],
        "ClaimNotOwned",
    ),
    "a-pod-without-a-group": (
        pod("p", templates=("t",)) | {"status": SHARED["status"]},
        [pod_group("g", templates=("t",)), GROUPS_CLAIM],
        "ClaimNotOwned",
    ),
    "no-room-for-the-group": (grouped(pod("p", "c"), "g"), [pod_group("g", "c"), FULL], "ClaimInUse"),
}


@pytest.mark.parametrize(("made", "objects", "code"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_pod_waits_for(made: JsonObject, objects: list[JsonObject], code: str) -> None:
    with pytest.raises(UnschedulableError) as caught:
        claims_of(state_of(*objects), read(made), RULES)
    assert caught.value.reason.code == code


OFF = replace(RULES, features=Features(workload_resource_claims=False))


def test_without_the_gate_a_claim_of_the_group_is_of_no_use_to_its_pods() -> None:
    state = state_of(pod_group("g", templates=("t",)), GROUPS_CLAIM)
    with pytest.raises(UnschedulableError) as caught:
        claims_of(state, read(SHARED), OFF)
    assert caught.value.reason.code == "ClaimNotOwned"
    assert str(caught.value).endswith(
        "was created for PodGroup g, and the feature gate DRAWorkloadResourceClaims is off"
    )


def test_without_the_gate_a_claim_of_the_pod_does_not_wait_for_the_group() -> None:
    state = state_of(owned(claim("p-t"), "Pod", "p", "uid-p"))
    (held,) = claims_of(state, read(OWN), OFF)
    assert (held.claim.meta.name, held.group) == ("p-t", None)


WITHOUT_STATUS = pod("p", templates=("t",))
ELSEWHERE = template("t")
ELSEWHERE["metadata"]["namespace"] = "other"
NOT_MADE: dict[str, tuple[list[JsonObject], str, str]] = {
    "no-template": ([], "TemplateNotFound", "ResourceClaimTemplate default/t does not exist"),
    "a-template-elsewhere": (
        [ELSEWHERE],
        "TemplateNotFound",
        "ResourceClaimTemplate default/t does not exist; namespace other has one of this name",
    ),
    "a-template": (
        [template("t")],
        "WaitingForClaim",
        "ResourceClaim for 't' has not been created from template t yet",
    ),
}


@pytest.mark.parametrize(("objects", "code", "message"), NOT_MADE.values(), ids=NOT_MADE)
def test_why_a_claim_has_not_been_created(objects: list[JsonObject], code: str, message: str) -> None:
    with pytest.raises(UnschedulableError) as caught:
        claims_of(state_of(*objects), read(WITHOUT_STATUS), RULES)
    assert (caught.value.reason.code, str(caught.value)) == (code, message)


def test_another_namespace_is_not_named_where_anyone_may_read_it() -> None:
    rules = replace(RULES, other_namespaces=False)
    with pytest.raises(UnschedulableError) as caught:
        claims_of(state_of(ELSEWHERE), read(WITHOUT_STATUS), rules)
    assert str(caught.value) == "ResourceClaimTemplate default/t does not exist"


def test_any_number_of_pods_shares_a_claim_through_their_group() -> None:
    users = [*OTHERS[:255], {"apiGroup": "scheduling.k8s.io", "resource": "podgroups", "name": "g"}]
    users[-1]["uid"] = "uid-of-group-g"
    full = claim("c") | {"status": {"allocation": allocation("n1", "d0"), "reservedFor": users}}
    assert claims_of(state_of(pod_group("g", "c"), full), read(grouped(pod("p", "c"), "g")), RULES)


def test_in_a_dry_run_pods_of_a_group_share_the_claim_that_is_made_for_the_first() -> None:
    state = state_of(
        node("n1"),
        slice_of("n1", device("d0")),
        device_class(),
        template("t"),
        pod_group("g", templates=("t",)),
    )
    for name in "pq":
        made = read(grouped(pod(name, templates=("t",), uid="none"), "g"))
        answer = PodEvaluation(state, made, DRY).answer("n1")
        assert answer.verdict == "fits"
        state.settle(made, "n1", answer.settled)
    assert [(item.meta.name, len(item.reserved_for)) for item in state.claims()] == [("g-t", 1)]


# A claim of the group on n1, where the Pods may not run: whether it is deallocated for them.
RUNNING = grouped(pod("q", "c"), "g")
RUNNING["spec"]["nodeName"] = "n1"
GROUP_USER = pod_group("g")["metadata"] | {"apiGroup": "scheduling.k8s.io", "resource": "podgroups"}
RELEASED: dict[str, tuple[list[JsonObject], list[JsonObject], bool]] = {
    "reserved-for-the-group-alone": ([GROUP_USER], [], True),
    "reserved-for-nobody": ([], [], True),
    "a-pod-of-the-group-runs": ([GROUP_USER], [RUNNING], False),
    "another-pod-uses-it": ([GROUP_USER, OTHERS[0]], [], False),
}


@pytest.mark.parametrize(("users", "more", "freed"), RELEASED.values(), ids=RELEASED)
def test_a_claim_that_keeps_a_group_from_all_nodes_is_released(
    users: list[JsonObject], more: list[JsonObject], freed: bool
) -> None:
    held = claim("c") | {"status": {"allocation": allocation("n1", "d0"), "reservedFor": users}}
    state = state_of(node("n1"), node("n2"), held, pod_group("g", "c"), *more)
    evaluation = PodEvaluation(state, read(grouped(pod("p", "c"), "g")), RULES)
    assert evaluation.answer("n2").verdict == "misfit"
    assert (evaluation.releasable() is not None) == freed


def taken_on(name: str, where: str, *users: JsonObject) -> JsonObject:
    """A claim that has device d0 of a node."""
    return claim(name) | {"status": {"allocation": allocation(where, "d0"), "reservedFor": list(users)}}


@pytest.mark.parametrize(("free", "freed"), [((), None), (("d1",), "b")])
def test_a_claim_is_released_only_where_the_others_would_fit(
    free: tuple[str, ...], freed: str | None
) -> None:
    """In-tree the plugin comes to its list of unusable claims after the allocator has found devices."""
    state = state_of(
        device_class(),
        node("n1"),
        node("n2"),
        slice_of("n1", device("d0"), *map(device, free)),
        slice_of("n2", device("d0")),
        taken_on("another", "n1", OTHERS[0]),
        taken_on("b", "n2"),
        claim("c"),
    )
    evaluation = PodEvaluation(state, read(pod("p", "b", "c")), RULES)
    assert evaluation.answer("n1").verdict == "misfit"
    held = evaluation.releasable()
    assert (held.claim.meta.name if held is not None else None) == freed


def test_a_claim_behind_one_that_is_in_use_is_released() -> None:
    state = state_of(node("n1"), node("n2"), taken_on("a", "n2", OTHERS[0]), taken_on("b", "n2"))
    evaluation = PodEvaluation(state, read(pod("p", "a", "b")), RULES)
    (reason,) = evaluation.answer("n1").reasons
    assert "claim default/a," in reason.message
    held = evaluation.releasable()
    assert held is not None
    assert held.claim.meta.name == "b"


def test_looking_for_a_claim_to_release_pauses_before_each_search() -> None:
    names = [f"n{number}" for number in range(50)]
    state = state_of(
        device_class(),
        *map(node, names),
        node("other"),
        taken_on("a", "other"),
        taken_on("b", "other"),
        claim("c"),
    )
    evaluation = PodEvaluation(state, read(pod("p", "a", "b", "c")), RULES)
    assert {answer.verdict for answer in evaluation.answers(names)} == {"misfit"}
    with interrupted_after(10), pytest.raises(InterruptedWorkError):
        evaluation.releasable()
    meter = Meter()
    assert meter.measure(evaluation.releasable) is None
    assert meter.pauses >= len(names) - 11
    assert meter.most < 2_000
    meter.pauses = 0
    assert meter.measure(evaluation.releasable) is None
    assert meter.pauses < 10  # each node is searched once, whatever the number of claims


def test_pods_may_come_while_those_of_a_group_are_looked_for() -> None:
    state = State()
    for number in range(600):
        state.upsert(parse(pod(f"p{number}")))  # type: ignore[arg-type] # a Pod
    asked = parse(grouped(pod("p"), "g"))
    assert isinstance(asked, Pod)

    late = [parse(pod(f"late-{number}")) for number in range(2)]

    def come(_cost: int) -> None:
        if late:
            state.upsert(late.pop())  # type: ignore[arg-type] # a Pod

    with on_pause(come):
        assert not group_has_nodes(state, asked)
    assert len(state.pods) > 600
