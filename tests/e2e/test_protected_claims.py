"""Claims that the admission policy of the chart creates with the finalizer: writes, and who removes it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from harness import objects
from harness.binaries import REPOSITORY
from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.36")]

FINALIZER = "resource.kubernetes.io/delete-protection"
SPECIFICATION = REPOSITORY / "charts" / "dra-extender" / "files" / "protected-claims.yaml"
GROUP = "admissionregistration.k8s.io/v1"
POLICY, BINDING = "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"
DEVICE = "large-black-cat-0"
PROTECTED_WRITES = ["patch resourceclaims/status", "create pods/binding"]
OTHER_WRITES = ["patch resourceclaims", *PROTECTED_WRITES]


@pytest.fixture
def policy(scene: Scene, class_name: str) -> Iterator[str]:
    """The chart's policy, in effect."""
    name = f"protected.{scene.namespace}"
    kind = {"apiVersion": GROUP, "metadata": {"name": name}}
    scene.create(kind | {"kind": POLICY, "spec": yaml.safe_load(SPECIFICATION.read_text())})
    scene.create(kind | {"kind": BINDING, "spec": {"policyName": name}})
    until(lambda: protects(scene, class_name), "the policy is in effect")
    yield name
    take_away(scene, name, class_name)


def take_away(scene: Scene, name: str, class_name: str) -> None:
    scene.api.delete(BINDING, name)
    scene.api.delete(POLICY, name)
    until(lambda: not protects(scene, class_name), "the policy is gone")


def protects(scene: Scene, class_name: str) -> bool:
    """Whether a claim that is created now gets the finalizer."""
    made = scene.create(objects.claim("probe", device_class=class_name))
    scene.api.delete("ResourceClaim", "probe", scene.namespace)
    until(lambda: is_gone(scene, "probe"), "the probe is gone")
    return FINALIZER in made["metadata"].get("finalizers", ())


def is_gone(scene: Scene, claim: str) -> bool:
    return scene.api.find("ResourceClaim", claim, scene.namespace) is None


def finalizers(scene: Scene, claim: str) -> list[str]:
    found: list[str] = scene.claim(claim)["metadata"].get("finalizers", [])
    return found


def writes(control_plane: ControlPlane, scene: Scene, *names: str) -> list[str]:
    """What the extender has written to these objects of the scene, by the API server's audit log."""
    found = []
    for line in control_plane.audit_log.read_bytes().splitlines():
        entry = json.loads(line)
        reference = entry.get("objectRef", {})
        if reference.get("namespace") == scene.namespace and reference.get("name") in names:
            what = "/".join(part for part in (reference["resource"], reference.get("subresource")) if part)
            found += [f"{entry['verb']} {what}"] if entry["verb"] not in ("get", "list", "watch") else []
    return found


def from_template(scene: Scene, pod: str, scheduler: str, class_name: str) -> None:
    template = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": f"of-{pod}"},
        "spec": {"spec": objects.claim("any", device_class=class_name)["spec"]},
    }
    scene.create(template)
    body = objects.pod(pod, scheduler)
    body["spec"]["containers"][0]["resources"] = {"claims": [{"name": "cat"}]}
    body["spec"]["resourceClaims"] = [{"name": "cat", "resourceClaimTemplateName": f"of-{pod}"}]
    scene.create(body)


def generated(scene: Scene) -> dict[str, Any]:
    (claim,) = until(lambda: scene.api.list("ResourceClaim", scene.namespace), "the claim is generated")
    return claim


@pytest.mark.usefixtures("policy")
def test_a_bind_writes_twice_and_the_claim_goes_with_its_pod(
    control_plane: ControlPlane,
    scene: Scene,
    kubelet: Kubelet,
    holds: HoldWatcher,
    extender: Extender,
    scheduler: str,
    class_name: str,
) -> None:
    node = scene.node("a", objects.cats(1))
    from_template(scene, "holder", scheduler, class_name)
    kubelet.wait_running(scene.namespace, "holder")
    claim = generated(scene)
    assert claim["metadata"]["finalizers"] == [FINALIZER]
    written = writes(control_plane, scene, "holder", claim["metadata"]["name"])
    assert written == PROTECTED_WRITES
    scene.api.delete("Pod", "holder", scene.namespace)
    until(lambda: is_gone(scene, claim["metadata"]["name"]), "the claim goes with its Pod")
    until(lambda: extender.device_states(node) == {DEVICE: "free"}, "the device is free")
    holds.catch_up()


@pytest.mark.usefixtures("policy")
def test_a_claim_that_is_used_again_gets_the_finalizer_from_the_next_bind(
    control_plane: ControlPlane, scene: Scene, kubelet: Kubelet, scheduler: str, class_name: str
) -> None:
    """kube-controller-manager removes it with the last user."""
    scene.node("a", objects.cats(1))
    scene.create(objects.claim("cat", device_class=class_name))
    scene.create(objects.pod("first", scheduler, claims={"cat": "cat"}))
    kubelet.wait_running(scene.namespace, "first")
    assert writes(control_plane, scene, "first", "cat") == PROTECTED_WRITES
    kubelet.succeed(scene.namespace, "first")
    until(lambda: not finalizers(scene, "cat"), "the finalizer goes with the last user")
    scene.create(objects.pod("second", scheduler, claims={"cat": "cat"}))
    kubelet.wait_running(scene.namespace, "second")
    assert writes(control_plane, scene, "second", "cat") == [*PROTECTED_WRITES[:1], *OTHER_WRITES]
    assert finalizers(scene, "cat") == [FINALIZER]


@pytest.mark.usefixtures("policy")
def test_a_claim_can_be_deleted_before_it_is_allocated(
    scene: Scene, kubelet: Kubelet, scheduler: str, class_name: str
) -> None:
    """That of a user, and one made from a template for a Pod that waits, which then gets another."""
    scene.create(objects.claim("cat", device_class=class_name))
    assert finalizers(scene, "cat") == [FINALIZER]
    scene.api.delete("ResourceClaim", "cat", scene.namespace)
    until(lambda: is_gone(scene, "cat"), "the user's claim is gone")

    from_template(scene, "holder", scheduler, class_name)
    first = generated(scene)["metadata"]
    until(lambda: scene.events("holder", "FailedScheduling"), "there is no node for it")
    scene.api.delete("ResourceClaim", first["name"], scene.namespace)
    until(lambda: is_gone(scene, first["name"]), "the generated claim is gone")
    scene.node("a", objects.cats(1))
    kubelet.wait_running(scene.namespace, "holder", seconds=60)
    assert generated(scene)["metadata"]["uid"] != first["uid"]


@pytest.mark.usefixtures("policy")
def test_a_namespace_can_be_deleted_with_claims_that_wait_and_that_are_in_use(
    control_plane: ControlPlane, kubelet: Kubelet, scheduler: str, scene: Scene, class_name: str
) -> None:
    scene.node("a", objects.cats(1))
    with Scene(control_plane.admin) as other:
        other.create(objects.claim("unused", device_class=class_name))
        other.create(objects.claim("used", device_class=class_name))
        other.create(objects.pod("holder", scheduler, claims={"cat": "used"}))
        kubelet.wait_running(other.namespace, "holder")
        from_template(other, "waiting", scheduler, class_name)
        until(lambda: other.events("waiting", "FailedScheduling"), "there is no device for it")
        assert len(other.api.list("ResourceClaim", other.namespace)) == 3
        assert all(
            FINALIZER in claim["metadata"]["finalizers"]
            for claim in other.api.list("ResourceClaim", other.namespace)
        )
        other.api.delete("Namespace", other.namespace)
        until(
            lambda: other.api.find("Namespace", other.namespace) is None, "the namespace is gone", seconds=60
        )


def test_without_the_policy_claims_are_bound_as_before(
    control_plane: ControlPlane,
    scene: Scene,
    kubelet: Kubelet,
    scheduler: str,
    class_name: str,
    policy: str,
) -> None:
    """Claims from the time of the policy keep what they have, and can be bound and deleted."""
    scene.node("a", objects.cats(2))
    for name in ("early", "unused"):
        scene.create(objects.claim(name, device_class=class_name))
    take_away(scene, policy, class_name)
    scene.create(objects.claim("late", device_class=class_name))
    assert [finalizers(scene, name) for name in ("early", "late")] == [[FINALIZER], []]
    for name, expected in (("early", PROTECTED_WRITES), ("late", OTHER_WRITES)):
        pod = f"holder-{name}"
        scene.create(objects.pod(pod, scheduler, claims={"cat": name}))
        kubelet.wait_running(scene.namespace, pod)
        assert writes(control_plane, scene, pod, name) == expected
    scene.api.delete("ResourceClaim", "unused", scene.namespace)
    until(lambda: is_gone(scene, "unused"), "a claim of that time can be deleted")


@pytest.mark.usefixtures("policy")
def test_a_finalizer_that_the_user_gives_stays(scene: Scene, class_name: str) -> None:
    claim = objects.claim("cat", device_class=class_name)
    claim["metadata"]["finalizers"] = ["example.com/mine"]
    scene.create(claim)
    assert sorted(finalizers(scene, "cat")) == ["example.com/mine", FINALIZER]
