"""The points that kube-scheduler's own plugins would give: values worked out from their scoring.go."""

from typing import Any

import pytest

from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.preferences import has_preferences, preferences
from app.core.state.state import State
from tests.objects import node, pod

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
WEB = {"matchLabels": {"app": "web"}}


def running(name: str, on: str, *, namespace: str = "default", **labels: str) -> JsonObject:
    raw = pod(name, f"claim-{name}")
    raw["metadata"] |= {"labels": labels, "namespace": namespace}
    raw["spec"]["nodeName"] = on
    return raw


def cluster(*pods: JsonObject) -> State:
    """Nodes a and b in one zone, c in another, and d in none."""
    state = State()
    zones = {"a": "one", "b": "one", "c": "two"}
    nodes = [node(name, **{ZONE: zone, HOST: name}) for name, zone in zones.items()]
    for raw in (*nodes, node("d", **{HOST: "d"}), *pods):
        state.upsert(parse(raw))  # type: ignore[arg-type]  # no workloads
    return state


def wishing(**spec: Any) -> Pod:
    raw = pod("new", "claim")
    raw["metadata"]["labels"] = {"app": "web", "version": "2"}
    raw["spec"] |= spec
    found = parse(raw)
    assert isinstance(found, Pod)
    return found


def spread(key: str, skew: int = 1, **fields: Any) -> JsonObject:
    constraint = {"topologyKey": key, "maxSkew": skew, "whenUnsatisfiable": "ScheduleAnyway"}
    return {"topologySpreadConstraints": [constraint | {"labelSelector": WEB} | fields]}


def near(kind: str, key: str, weight: int = 10, **term: Any) -> JsonObject:
    wanted = {"topologyKey": key, "labelSelector": WEB} | term
    entry = {"weight": weight, "podAffinityTerm": wanted}
    return {"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [entry]}}}


TWO_AND_ONE = (
    running("w1", "a", app="web"),
    running("w2", "a", app="web"),
    running("w3", "c", app="web"),
    running("other", "b", app="db"),
    running("far", "b", namespace="elsewhere", app="web"),
)
# What the Pod wishes, and the points of a, b, c and d.
CASES: dict[str, tuple[JsonObject, tuple[float, ...]]] = {
    # Two zones: 2 * ln 4 = 2.8, 1 * ln 4 = 1.4, rounded to 3 and 1; d has no zone.
    "spread-by-zone": (spread(ZONE), (200 / 3, 200 / 3, 200, 0)),
    # Four nodes: 2 * ln 6 = 3.6, 0, ln 6 = 1.8, 0, rounded to 4, 0, 2, 0.
    "spread-by-node": (spread(HOST), (0, 200, 100, 200)),
    # The skew adds 4 everywhere: 8, 4, 6, 4.
    "spread-with-skew": (spread(HOST, 5), (100, 200, 150, 200)),
    "spread-of-one-version": (spread(HOST, matchLabelKeys=["version"]), (200, 200, 200, 200)),
    "spread-of-nobody": (spread(HOST, labelSelector=None), (200, 200, 200, 200)),
    "hard-spread": (spread(HOST, whenUnsatisfiable="DoNotSchedule"), ()),
    "near-others": (near("podAffinity", HOST), (200, 0, 100, 0)),
    "near-others-by-zone": (near("podAffinity", ZONE), (200, 200, 100, 0)),
    "away-from-others": (near("podAntiAffinity", HOST), (0, 200, 100, 200)),
    "near-those-of-a-namespace": (near("podAffinity", HOST, namespaces=["elsewhere"]), (0, 200, 0, 0)),
    "near-those-of-all-namespaces": (near("podAffinity", HOST, namespaceSelector={}), (200, 100, 100, 0)),
    "near-those-of-unknown-namespaces": (
        near("podAffinity", HOST, namespaceSelector={"matchLabels": {"team": "x"}}),
        (),
    ),
    "near-nobody": (near("podAffinity", HOST, labelSelector={"matchLabels": {"app": "none"}}), ()),
}


@pytest.mark.parametrize(("spec", "points"), CASES.values(), ids=CASES)
def test_points_are_those_of_the_plugins(spec: JsonObject, points: tuple[float, ...]) -> None:
    found = preferences(cluster(*TWO_AND_ONE), wishing(**spec), "abcd")
    expected = dict(zip("abcd", points, strict=True)) if points else {}
    assert found == pytest.approx(expected)


def test_domains_are_those_of_the_nodes_that_the_pod_may_use() -> None:
    """Pods on nodes that its own node selector excludes do not count, unless it says so."""
    only_b = {"nodeSelector": {HOST: "b"}}
    found = preferences(cluster(*TWO_AND_ONE), wishing(**spread(ZONE), **only_b), "bc")
    assert found == pytest.approx({"b": 200, "c": 200})
    ignoring = spread(ZONE, nodeAffinityPolicy="Ignore") | only_b
    found = preferences(cluster(*TWO_AND_ONE), wishing(**ignoring), "bc")
    assert found == pytest.approx({"b": 200 / 3, "c": 200})


GONE: dict[str, JsonObject] = {
    "finished": running("w1", "a", app="web") | {"status": {"phase": "Succeeded"}},
    "being-deleted": running("w1", "a", app="web"),
    "relabelled": running("w1", "a", app="db"),
}
GONE["being-deleted"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("later", GONE.values(), ids=GONE)
def test_pods_that_are_done_count_no_more(later: JsonObject) -> None:
    state = cluster(running("w1", "a", app="web"))
    wish = wishing(**near("podAffinity", HOST))
    assert preferences(state, wish, "ab")
    state.upsert(parse(later))  # type: ignore[arg-type]  # no workloads
    assert preferences(state, wish, "ab") == {}


def test_a_deleted_pod_counts_no_more() -> None:
    state = cluster(running("w1", "a", app="web"))
    state.delete("Pod", ("default", "w1"))
    assert preferences(state, wishing(**near("podAffinity", HOST)), "ab") == {}


def test_a_pod_without_wishes_has_no_preferences() -> None:
    assert not has_preferences(cluster(*TWO_AND_ONE), wishing())
