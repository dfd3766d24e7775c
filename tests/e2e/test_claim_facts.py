"""What the API server does with claims: facts that the binder is built on."""

from typing import Any

import pytest
from harness import objects
from harness.api import ApiError
from harness.controlplane import EXTENDER, ControlPlane
from harness.rights import grant
from harness.scene import Scene

pytestmark = pytest.mark.e2e

CLASS = "facts.example.com"


@pytest.fixture
def devices(scene: Scene) -> str:
    """A class, and a node with one device; the name of the node."""
    scene.create(objects.device_class(CLASS))
    return scene.node("a", objects.cats(1))


def written(node: str, users: int = 1) -> dict[str, Any]:
    """The claim status that a scheduler writes."""
    consumers = [{"resource": "pods", "name": f"pod-{n}", "uid": f"uid-{n}"} for n in range(users)]
    return {"status": {"allocation": objects.allocation(node, "large-black-cat-0"), "reservedFor": consumers}}


@pytest.mark.kubernetes(since="1.36")
def test_an_allocation_needs_the_right_to_bind_besides_the_right_to_write_status(
    control_plane: ControlPlane, scene: Scene, devices: str
) -> None:
    scene.create(objects.claim("one", device_class=CLASS))
    rule = {"apiGroups": ["resource.k8s.io"], "verbs": ["patch"]}
    grant(scene, "status-writer", [rule | {"resources": ["resourceclaims/status"]}])
    grant(scene, "binder", [rule | {"resources": ["resourceclaims/status", "resourceclaims/binding"]}])

    with control_plane.acting_as("status-writer") as api, pytest.raises(ApiError) as refused:
        api.patch("ResourceClaim", "one", written(devices), scene.namespace, subresource="status")
    assert refused.value.code in (403, 422)
    assert "resourceclaims/binding" in refused.value.message

    with control_plane.acting_as("binder") as api:
        api.patch("ResourceClaim", "one", written(devices), scene.namespace, subresource="status")
    assert scene.claim("one")["status"]["allocation"]


@pytest.mark.core
def test_one_device_can_be_written_into_two_claims(scene: Scene, devices: str) -> None:
    """A resourceVersion guards a claim, not a device: giving no device twice is up to who allocates."""
    for name in ("one", "two"):
        made = scene.create(objects.claim(name, device_class=CLASS))
        body = written(devices) | {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
        scene.api.patch("ResourceClaim", name, body, scene.namespace, subresource="status")
    one, two = (scene.claim(name)["status"]["allocation"]["devices"]["results"] for name in ("one", "two"))
    assert one == two


def test_a_write_on_top_of_an_older_version_of_the_claim_is_refused(scene: Scene, devices: str) -> None:
    made = scene.create(objects.claim("one", device_class=CLASS))
    scene.api.patch("ResourceClaim", "one", {"metadata": {"labels": {"changed": "yes"}}}, scene.namespace)
    body = written(devices) | {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
    with pytest.raises(ApiError) as refused:
        scene.api.patch("ResourceClaim", "one", body, scene.namespace, subresource="status")
    assert refused.value.code == 409


@pytest.mark.core
@pytest.mark.parametrize(("users", "accepted"), [(256, True), (257, False)])
def test_a_claim_is_reserved_for_at_most_256_consumers(
    scene: Scene, devices: str, users: int, accepted: bool
) -> None:
    scene.create(objects.claim("one", device_class=CLASS))
    body = written(devices, users)
    if accepted:
        scene.api.patch("ResourceClaim", "one", body, scene.namespace, subresource="status")
        return
    with pytest.raises(ApiError) as refused:
        scene.api.patch("ResourceClaim", "one", body, scene.namespace, subresource="status")
    assert refused.value.code == 422
    assert "reservedFor" in refused.value.message


def test_the_task_page_s_own_claim_is_refused(scene: Scene) -> None:
    """v1beta2 with v1beta1's flat request: the reason why the tests use examples/job-with-cats.yaml."""
    page = objects.manifests(objects.EXAMPLES / "dra-task-page.yaml")
    claim = next(body for body in page if body["kind"] == "ResourceClaim")
    with pytest.raises(ApiError) as refused:
        scene.create(claim)
    assert refused.value.code in (400, 422)


def test_the_extender_s_user_can_read_the_inventory_and_not_more_than_the_chart_says(
    control_plane: ControlPlane, scene: Scene, devices: str
) -> None:
    api = control_plane.api(EXTENDER)
    assert devices in {found["metadata"]["name"] for found in api.list("Node")}
    assert devices in {found["spec"]["pool"]["name"] for found in api.list("ResourceSlice")}
    for forbidden in (
        lambda: api.create(objects.node("another")),
        lambda: api.create(objects.pod("another", "none"), scene.namespace),
        lambda: api.list("Secret", scene.namespace),
    ):
        with pytest.raises(ApiError) as refused:
            forbidden()
        assert refused.value.code == 403
