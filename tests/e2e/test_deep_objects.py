"""Objects that nest deeper than JSON decoders go: an API server accepts them from any tenant."""

import json
from collections.abc import Iterator

import pytest
from harness import objects
from harness.extender import Extender
from harness.scene import Scene
from harness.wait import until

pytestmark = pytest.mark.e2e

WRITABLE, READABLE, BEYOND = 150, 900, 4_900


@pytest.fixture
def deep_claims(scene: Scene, class_name: str) -> Iterator[dict[int, str]]:
    """A claim for each depth of its driver's configuration, by the depth."""
    names = {levels: f"deep-{levels}" for levels in (WRITABLE, READABLE, BEYOND)}
    for levels, name in names.items():
        raw = objects.claim(name, device_class=class_name)
        opaque = {"driver": "large-black-cats.example.com", "parameters": {"a": "HERE"}}
        raw["spec"]["devices"]["config"] = [{"opaque": opaque}]
        text = json.dumps(raw).replace('"HERE"', "[" * levels + "]" * levels)
        scene.api.send("POST", "ResourceClaim", "", scene.namespace, text)
    yield names
    for name in names.values():
        finalizers = json.dumps([{"op": "add", "path": "/metadata/finalizers", "value": []}])
        scene.api.send("PATCH", "ResourceClaim", name, scene.namespace, finalizers)
        scene.api.send("DELETE", "ResourceClaim", name, scene.namespace)


def test_a_claim_that_nests_too_deep_stops_nobody_else(
    scene: Scene, scheduler: str, in_tree: str, extender: Extender, deep_claims: dict[int, str]
) -> None:
    class_name = f"any.{scene.namespace}"
    node = scene.node("a", objects.cats(4))

    def start(name: str, claim: str, by: str) -> None:
        scene.create(objects.pod(name, by, claims={"cat": claim}))

    scene.create(objects.claim("one", device_class=class_name))
    start("one", "one", scheduler)
    start("writable", deep_claims[WRITABLE], scheduler)
    scene.wait_bound("one", "writable")

    # In-tree allocates it, and its device counts as taken here.
    start("in-tree", deep_claims[BEYOND], in_tree)
    scene.wait_bound("in-tree")

    start("readable", deep_claims[READABLE], scheduler)
    refusal = "configuration #0 is nested deeper than 200 levels"
    until(
        lambda: any(refusal in text for text in scene.events("readable", "FailedScheduling")),
        "the Pod is refused with the reason",
    )

    # A new process lists all claims, those too deep among them.
    extender.process.stop()
    extender.process.start()
    for name in ("two", "three"):
        scene.create(objects.claim(name, device_class=class_name))
        start(name, name, scheduler)
    until(lambda: scene.node_of("two") or scene.node_of("three"), "the last free device is used")
    assert list(extender.device_states(node).values()) == ["taken"] * 4
