"""Dry runs of Pods whose devices take CPU of their node give the verdicts of filter."""

from app.core.dry_run.gang import place_gang
from app.core.dry_run.place import place
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.state import State
from tests.core.dry_run.states import members, rules
from tests.node_allocatable import mapped, state_of, using, with_room
from tests.objects import device, slice_of, template

DEVICES = (mapped("a", "6"), mapped("b", "6"), device("plain"))
RULES = rules(node_checks=True)


def pods(number: int, cpu: str = "1") -> list[Pod]:
    """Pods that each get a claim from a template."""
    raw = using("p", cpu=cpu)
    entries = [{"name": "t", "resourceClaimTemplateName": "t"}]
    return members(number, raw | {"spec": raw["spec"] | {"resourceClaims": entries}})


def nodes(*names: str) -> State:
    objects: list[JsonObject] = [template("t")]
    for name in names:
        objects += [with_room(name), slice_of(name, *DEVICES[:2])]
    return state_of(*objects)


def test_pods_placed_one_after_another_leave_each_other_what_they_take() -> None:
    steps = list(place(nodes("n1", "n2"), pods(3), ["n1", "n2"], RULES))
    assert sorted(item.chosen.node for item in steps if item.chosen is not None) == ["n1", "n2"]


def test_pods_that_do_not_fit_together_are_no_gang() -> None:
    assert place_gang(nodes("n1"), pods(2), ["n1"], RULES).outcome != "fits"
    answer = place_gang(nodes("n1", "n2"), pods(2), ["n1", "n2"], RULES)
    assert answer.outcome == "fits"
    assert [len(item.chosen.amounts) for item in answer.placements if item.chosen is not None] == [1, 1]


def test_a_gang_that_only_the_joint_search_places_has_its_amounts() -> None:
    """One by one, the Pod for either node takes the place of the one for n1."""
    state = nodes("n1", "n2")
    first = pods(1)[0]
    picky = parse(
        using("picky", cpu="1")
        | {
            "metadata": {"name": "p1", "namespace": "default"},
            "spec": {
                "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}],
                "resourceClaims": [{"name": "t", "resourceClaimTemplateName": "t"}],
                "nodeName": "",
                "nodeSelector": {"only": "n1"},
            },
        }
    )
    assert isinstance(picky, Pod)
    labeled = with_room("n1")
    labeled["metadata"]["labels"] = {"only": "n1"}
    state.upsert(parse(labeled))  # type: ignore[arg-type] # a node
    for order in ([first, picky], [picky, first]):
        answer = place_gang(state.fork(), order, ["n1", "n2"], RULES)
        assert answer.outcome == "fits"
        where = {
            item.pod.meta.name: item.chosen.node for item in answer.placements if item.chosen is not None
        }
        assert where == {"p0": "n2", "p1": "n1"}
        amounts = [item.chosen.amounts for item in answer.placements if item.chosen is not None]
        assert all(len(found) == 1 for found in amounts)
