"""The example policies that set or require the scheduler, on the real API server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import objects
from harness.api import KINDS, Api, ApiError
from harness.binaries import REPOSITORY
from harness.controlplane import ControlPlane
from harness.scene import Scene
from harness.wait import until

pytestmark = pytest.mark.e2e

FOLDER = REPOSITORY / "examples" / "policies"
LABEL = "dra-extender/scheduler"
GROUP = "apis/admissionregistration.k8s.io/v1"
POLICIES = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
}


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, plural in POLICIES.items():
        monkeypatch.setitem(KINDS, kind, (GROUP, plural, False))  # type: ignore[arg-type]


@pytest.fixture
def teams(control_plane: ControlPlane) -> Iterator[tuple[Scene, Scene]]:
    """A namespace with the label, and one without."""
    with Scene(control_plane.admin) as labeled, Scene(control_plane.admin) as other:
        control_plane.admin.patch(
            "Namespace", labeled.namespace, {"metadata": {"labels": {LABEL: "dra-scheduler"}}}
        )
        yield labeled, other


def apply(scene: Scene, name: str) -> None:
    for item in yaml.safe_load_all((FOLDER / name).read_text()):
        scene.create(item)


def attempt(api: Api, body: dict[str, Any], namespace: str) -> str:
    """The API server's refusal of a creation, empty if it creates the object, which is then deleted."""
    try:
        made = api.create(body, namespace)
    except ApiError as error:
        return error.message
    api.delete(body["kind"], made["metadata"]["name"], namespace, grace=0)
    return ""


def pod(scheduler: str = "", *, claims: bool = True) -> dict[str, Any]:
    return objects.pod("p", scheduler, claims={"cat": "cat"} if claims else {})


def test_pods_with_claims_get_the_scheduler_of_their_namespace(teams: tuple[Scene, Scene]) -> None:
    labeled, other = teams
    apply(labeled, "set-scheduler-by-namespace.yaml")

    def scheduler(scene: Scene, body: dict[str, Any]) -> str:
        made = scene.api.create(body, scene.namespace)
        scene.api.delete("Pod", made["metadata"]["name"], scene.namespace, grace=0)
        name: str = made["spec"]["schedulerName"]
        return name

    until(lambda: scheduler(labeled, pod()) == "dra-scheduler", "the policy is in force")
    assert scheduler(labeled, pod("default-scheduler")) == "dra-scheduler"
    assert scheduler(labeled, pod("another")) == "another"
    assert scheduler(labeled, pod(claims=False)) == "default-scheduler"
    assert scheduler(other, pod()) == "default-scheduler"


def test_pods_with_claims_must_name_the_scheduler_of_their_namespace(teams: tuple[Scene, Scene]) -> None:
    labeled, other = teams
    apply(labeled, "require-scheduler-by-namespace.yaml")
    until(lambda: attempt(labeled.api, pod(), labeled.namespace) != "", "the policy is in force")
    assert "must have schedulerName: dra-scheduler" in attempt(labeled.api, pod(), labeled.namespace)
    assert attempt(labeled.api, pod("another"), labeled.namespace) != ""
    assert attempt(labeled.api, pod("dra-scheduler"), labeled.namespace) == ""
    assert attempt(labeled.api, pod(claims=False), labeled.namespace) == ""
    assert attempt(other.api, pod(), other.namespace) == ""


def claim(*classes: str, first_available: bool = False) -> dict[str, Any]:
    exact = [
        {"name": f"r{place}", "exactly": {"deviceClassName": name}} for place, name in enumerate(classes)
    ]
    subrequests = [{"name": f"s{place}", "deviceClassName": name} for place, name in enumerate(classes)]
    requests = [{"name": "any", "firstAvailable": subrequests}] if first_available else exact
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": "c"},
        "spec": {"devices": {"requests": requests}},
    }


def template(*classes: str) -> dict[str, Any]:
    body = claim(*classes)
    return {**body, "kind": "ResourceClaimTemplate", "spec": {"spec": body["spec"]}}


OURS, FREE = "gpu.example.com", "nic.example.com"
CLAIMS = {
    "ours": (claim(OURS), True),
    "ours in a template": (template(OURS), True),
    "ours among others": (claim(FREE, OURS), True),
    "ours as an alternative": (claim(FREE, OURS, first_available=True), True),
    "others": (claim(FREE), False),
    "others as alternatives": (claim(FREE, "fpga.example.com", first_available=True), False),
    "others in a template": (template(FREE), False),
}


def test_classes_of_the_extender_are_for_labeled_namespaces(teams: tuple[Scene, Scene]) -> None:
    labeled, other = teams
    apply(labeled, "require-scheduler-by-class.yaml")
    until(lambda: attempt(other.api, claim(OURS), other.namespace) != "", "the policy is in force")
    for name, (body, refused) in CLAIMS.items():
        found = attempt(other.api, body, other.namespace)
        assert (f"devices of class {OURS} are allocated by dra-scheduler" in found) is refused, (name, found)
        assert bool(found) is refused, (name, found)
        assert attempt(labeled.api, body, labeled.namespace) == "", name


def test_every_policy_is_tried() -> None:
    text = Path(__file__).read_text()
    assert all(f'"{path.name}"' in text for path in FOLDER.glob("*.yaml"))
