"""Where Pods that share a claim have room: each node is tried on the same state."""

from app.core.dry_run.companions import MAX_COMPANIONS, roomier, waiting_companions, worth_trying
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.state.state import State
from tests.core.diagnosis.inventory import claim, cls, dev, node, pod, pool, template
from tests.core.dry_run.states import rules, state_with


def cluster(*gpus: int) -> State:
    state = state_with(cls(), claim("shared"), template("own"))
    for number, count in enumerate(gpus):
        state.upsert(parse(node(f"n{number}")))  # type: ignore[arg-type]
        state.upsert(parse(pool(f"n{number}", *(dev(f"g{n}") for n in range(count)))))  # type: ignore[arg-type]
    return state


def user(name: str, *, priority: int = 0, own: bool = True) -> Pod:
    raw = pod("shared", templates=("own",) if own else ())
    raw["metadata"] = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    raw["spec"]["priority"] = priority
    item = parse(raw)
    assert isinstance(item, Pod)
    return item


def found(state: State, first: Pod, companions: list[Pod]) -> list[str]:
    evaluation = PodEvaluation(state, first, rules())
    answers = [evaluation.answer(name) for name in sorted(state.nodes)]
    before = state.revision
    nodes = [answer.node for answer in roomier(evaluation, answers, companions, rules())]
    assert state.revision == before
    return nodes


def test_each_node_is_better_than_those_before_until_all_have_room() -> None:
    # The first Pod takes two devices, each other one more; so n0 has room for none, and n3 is not tried.
    assert found(cluster(2, 3, 4, 9), user("a"), [user("b"), user("c")]) == ["n0", "n1", "n2"]


def test_what_is_tried_on_one_node_does_not_count_on_the_next() -> None:
    assert found(cluster(3, 3, 3), user("a"), [user("b")]) == ["n0"]
    assert found(cluster(3, 3, 4), user("a"), [user("b"), user("c")]) == ["n0", "n2"]


def test_a_pod_that_fits_nowhere_does_not_hide_what_the_others_need() -> None:
    large = parse(pod(templates=("none",)) | {"metadata": {"name": "x", "namespace": "default", "uid": "x"}})
    assert isinstance(large, Pod)
    assert found(cluster(2, 3), user("a"), [large, user("b")]) == ["n0", "n1"]


def test_the_more_important_of_those_that_wait_come_first() -> None:
    state = cluster(2)
    for number in range(MAX_COMPANIONS + 2):
        state.upsert(user(f"p{number:02}", priority=number % 2))
    first = state.pods["default", "p00"]
    chosen = waiting_companions(state, PodEvaluation(state, first, rules()))
    assert len(chosen) == MAX_COMPANIONS
    assert [pod.meta.name for pod in chosen[:3]] == ["p01", "p03", "p05"]
    assert first not in chosen


def test_an_allocated_claim_has_no_companions() -> None:
    state = cluster(3)
    first, second = user("a"), user("b")
    state.upsert(second)
    evaluation = PodEvaluation(state, first, rules())
    assert waiting_companions(state, evaluation) == [second]
    answer = evaluation.answer("n0")
    state.settle(first, "n0", answer.settled)
    third = PodEvaluation(state, user("c"), rules())
    assert waiting_companions(state, third) == []


def test_nodes_of_each_score_are_tried() -> None:
    nodes = [f"n{number}" for number in range(200)]
    tried = worth_trying(nodes, lambda name: 10 if int(name[1:]) < 190 else 5)
    assert tried == [*nodes[:32], *nodes[190:200]]
