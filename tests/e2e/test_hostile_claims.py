"""Objects that JSON decoders refuse: an API server accepts them from any tenant, and sends them to all."""

import json
from collections.abc import Iterator

import pytest
from harness import objects
from harness.extender import Extender
from harness.scene import Scene
from harness.wait import until

pytestmark = pytest.mark.e2e


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


VALUES = {
    "writable": nested(150),
    "readable": nested(900),
    "deepest": nested(4_900),
    "half-a-character": rb'"\ud800"',
    "not-unicode": b'"\xff\xed\xa0\x80"',
}
"""In the configuration of a claim for its driver, by the name of the claim."""


@pytest.fixture
def hostile_claims(scene: Scene, class_name: str) -> Iterator[None]:
    for name, value in VALUES.items():
        raw = objects.claim(name, device_class=class_name)
        opaque = {"driver": "large-black-cats.example.com", "parameters": {"a": "HERE"}}
        raw["spec"]["devices"]["config"] = [{"opaque": opaque}]
        text = json.dumps(raw).encode().replace(b'"HERE"', value)
        scene.api.send("POST", "ResourceClaim", "", scene.namespace, text)
    yield
    finalizers = json.dumps([{"op": "add", "path": "/metadata/finalizers", "value": []}]).encode()
    for name in VALUES:
        scene.api.send("PATCH", "ResourceClaim", name, scene.namespace, finalizers)
        scene.api.send("DELETE", "ResourceClaim", name, scene.namespace)


@pytest.mark.usefixtures("hostile_claims")
def test_a_claim_that_decoders_refuse_stops_nobody_else(
    scene: Scene, class_name: str, scheduler: str, in_tree: str, extender: Extender
) -> None:
    node = scene.node("a", objects.cats(6))

    def start(name: str, claim: str, by: str = scheduler) -> None:
        scene.create(objects.pod(name, by, claims={"cat": claim}))

    scene.create(objects.claim("one", device_class=class_name))
    for name in ("one", "writable", "half-a-character", "not-unicode"):
        start(name, name)
    scene.wait_bound("one", "writable", "half-a-character", "not-unicode")

    # In-tree allocates it, and its device counts as taken here.
    start("in-tree", "deepest", in_tree)
    scene.wait_bound("in-tree")

    start("refused", "readable")
    refusal = "configuration #0 is nested deeper than 200 levels"
    until(
        lambda: any(refusal in text for text in scene.events("refused", "FailedScheduling")),
        "the Pod is refused with the reason",
    )

    # A new process lists all claims, these among them.
    extender.process.stop()
    extender.process.start()
    for name in ("two", "three"):
        scene.create(objects.claim(name, device_class=class_name))
        start(name, name)
    until(lambda: scene.node_of("two") or scene.node_of("three"), "the last free device is used")
    assert list(extender.device_states(node).values()) == ["taken"] * 6
