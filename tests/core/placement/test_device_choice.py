"""The policy chooses devices and nodes, never the verdict."""

import itertools
from itertools import count

import pytest
from fuzz import inventory, recorded
from fuzz.versions import features_of

from app.core.allocator import Fits, Invalid, Limits, allocate_planned, plan_claims
from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.placement.chosen_policy import ANNOTATION
from app.core.placement.decision import Refused, decide
from app.core.placement.device_choice import MAX_ORDERS
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.scoring.policies import ORDERS
from app.core.selectors import SelectorCache
from app.core.state.pools import PoolError, gather_pools
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import verdicts
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of

MIXES = [*ORDERS, "first-fit", "least-fragmentation=2,topology=1,spread=1"]


def put(state: State, *raws: JsonObject) -> None:
    for raw in raws:
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)


def rules(policy: str = "binpack", *, fixed: bool = False, features: Features | None = None) -> Rules:
    numbers = count()
    return Rules(
        SelectorCache(),
        lambda: f"share-{next(numbers)}",
        features or Features(),
        policy=policy,
        policy_fixed=fixed,
    )


@pytest.mark.parametrize("policy", MIXES)
def test_no_policy_changes_a_verdict_of_the_recorded_cases(policy: str) -> None:
    fitting = 0
    for case in itertools.chain(recorded.named(), itertools.islice(recorded.corpus(), 100)):
        request = case["request"]
        expected = {name: inventory.verdict(item) for name, item in inventory.answer(request).items()}
        state, pods = State(), [parse(item) for item in request["pods"]]
        put(state, *request["objects"])
        assert isinstance(pods[0], Pod)
        features = features_of(request)
        evaluation = PodEvaluation(state, pods[0], rules(policy, fixed=True, features=features))
        for name, verdict in expected.items():
            answer = evaluation.answer(name)
            fitting += verdict == "fits"
            assert answer.verdict == verdict, f"{case['name']}: {name}"
    assert fitting > 80


def test_further_searches_are_bounded_by_the_first() -> None:
    assert MAX_ORDERS <= 16
    for case in itertools.islice(recorded.corpus(), 100):
        request = case["request"]
        found = inventory.read(request)
        features = features_of(request)
        wanting = parse(request["pods"][0])
        assert isinstance(wanting, Pod)
        claims = [found.claims[wanting.meta.namespace, str(item.claim_name)] for item in wanting.claims]
        plan = plan_claims(claims, found.classes, features, SelectorCache())
        if isinstance(plan, Invalid):
            continue
        for target in found.nodes:
            try:
                pools = gather_pools(target, found.slices, found.newest(features), features)
            except PoolError:
                continue
            first = allocate_planned(
                target, pools, plan, found.taken(), limits=Limits(), new_share_id=lambda: "s"
            )
            if not isinstance(first, Fits):
                continue
            positions = {item.id: (-float(number),) for number, item in enumerate(
                item for pool in pools for item in pool.devices)}  # fmt: skip
            other = allocate_planned(
                target,
                pools,
                plan,
                found.taken(),
                limits=Limits(max_steps=first.steps + 256),
                new_share_id=lambda: "s",
                order=positions,
            )
            assert other.steps <= first.steps + 256 + 1


def numa(name: str, value: int) -> JsonObject:
    found = device(name)
    found["attributes"]["resource.kubernetes.io/numaNode"] = {"int": value}
    return found


def broken_cluster(*, annotation: str = "", on_class: str = "") -> tuple[State, Pod]:
    """A node with one NUMA node broken: first fit takes d0, least fragmentation d3."""
    state = State()
    of_class, wanting = device_class(), pod("p", "wanted")
    if on_class:
        of_class["metadata"]["annotations"] = {ANNOTATION: on_class}
    if annotation:
        wanting["metadata"]["annotations"] = {ANNOTATION: annotation}
    held = claim("held") | {"status": {"allocation": allocation("a", "d2")}}
    devices = [numa(f"d{number}", number // 2) for number in range(4)]
    put(state, of_class, node("a"), slice_of("a", *devices), held, claim("wanted"))
    made = parse(wanting)
    assert isinstance(made, Pod)
    return state, made


@pytest.mark.parametrize(
    ("by", "wishes", "device_name"),
    [
        ("nobody", {}, "d0"),
        ("the Pod", {"annotation": "least-fragmentation"}, "d3"),
        ("the class", {"on_class": "least-fragmentation=2,spread=1"}, "d3"),
        ("the Pod, against its class", {"annotation": "spread", "on_class": "least-fragmentation"}, "d0"),
        ("nobody, by a name that is none", {"annotation": "least-fragmentaton"}, "d0"),
    ],
)
def test_bind_decides_by_the_policy_that_is_wished_for(
    by: str, wishes: dict[str, str], device_name: str
) -> None:
    del by
    state, wanting = broken_cluster(**wishes)
    claim_allocations = decide(state, wanting, "a", rules(), None)
    assert not isinstance(claim_allocations, Refused)
    assert [item.device.device for item in claim_allocations[0].allocation.devices] == [device_name]


def test_a_request_for_a_policy_comes_before_all_wishes() -> None:
    state, wanting = broken_cluster(annotation="spread", on_class="spread")
    answer = PodEvaluation(state, wanting, rules("least-fragmentation", fixed=True)).answer("a")
    assert [item.device.device for item in answer.allocations[0].devices] == ["d3"]


def test_answers_kept_for_one_policy_are_not_given_for_another() -> None:
    state, _ = broken_cluster()
    put(state, node("b"), slice_of("b", *(numa(f"d{number}", number // 2) for number in range(4))))
    verdict_cache = VerdictCache(state)
    scores = {}
    for policy in ("binpack", "spread", "least-fragmentation"):
        raw = pod(f"p-{policy}", "wanted")
        raw["metadata"]["annotations"] = {ANNOTATION: policy}
        wanting = parse(raw)
        assert isinstance(wanting, Pod)
        found = dict(
            item
            for item in verdicts(PodEvaluation(state, wanting, rules()), ["a", "b"], verdict_cache)
            if item
        )
        scores[policy] = (found["a"].score, found["b"].score)
    assert len(set(scores.values())) == 3


def later(attribute: str) -> JsonObject:
    """A template for two devices that agree in an attribute; nothing has been made from it yet."""
    spec = claim("c", 2)["spec"]
    spec["devices"]["constraints"] = [{"matchAttribute": attribute}]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": "t"},
        "spec": {"spec": spec},
    }


def test_a_template_that_wants_groups_whole_is_heard_of() -> None:
    state = State()
    devices = [device(f"d{number}", link=f"l{number // 2}") for number in range(4)]
    held = claim("held") | {"status": {"allocation": allocation("a", "d2")}}
    put(state, device_class(), node("a"), slice_of("a", *devices), held, claim("wanted"))
    wanting = parse(pod("p", "wanted"))
    assert isinstance(wanting, Pod)
    verdict_cache, fixed = VerdictCache(state), rules("least-fragmentation", fixed=True)

    def taken_and_score() -> tuple[str, int]:
        evaluation = PodEvaluation(state, wanting, fixed)
        answer = evaluation.answer("a")
        (found,) = [item for item in verdicts(evaluation, ["a"], verdict_cache) if item]
        return answer.allocations[0].devices[0].device.device, found[1].score

    before = taken_and_score()
    put(state, later("gpu.example.com/link"))
    after = taken_and_score()
    state.delete("ResourceClaimTemplate", ("default", "t"))
    assert (before[0], after[0], taken_and_score()) == ("d0", "d3", before)
    assert after[1] > before[1]
    assert verdict_cache.searches == 2


def test_nodes_that_differ_in_what_a_template_matches_by_are_searched_apart() -> None:
    state = State()
    for name, links in (("a", "0011"), ("b", "0101")):
        devices = [device(f"d{number}", link=link) for number, link in enumerate(links)]
        put(state, node(name), slice_of(name, *devices))
    put(state, device_class(), claim("wanted"))
    wanting = parse(pod("p", "wanted"))
    assert isinstance(wanting, Pod)

    def searched(policy: str) -> int:
        verdict_cache = VerdictCache(state)
        list(verdicts(PodEvaluation(state, wanting, rules(policy, fixed=True)), ["a", "b"], verdict_cache))
        return verdict_cache.searches

    assert searched("least-fragmentation") == 1
    put(state, later("gpu.example.com/link"))
    assert (searched("least-fragmentation"), searched("binpack")) == (2, 1)


def test_nodes_that_differ_in_what_the_policy_reads_alone_are_searched_apart() -> None:
    state, wanting = broken_cluster(annotation="least-fragmentation")
    held = claim("other") | {"status": {"allocation": allocation("b", "d2")}}
    devices = [numa(f"d{number}", number % 2) for number in range(4)]
    put(state, node("b"), slice_of("b", *devices), held)
    verdict_cache = VerdictCache(state)
    list(verdicts(PodEvaluation(state, wanting, rules()), ["a", "b"], verdict_cache))
    assert verdict_cache.searches == 2
    plain = VerdictCache(state)
    list(verdicts(PodEvaluation(state, wanting, rules("binpack", fixed=True)), ["a", "b"], plain))
    assert plain.searches == 1
