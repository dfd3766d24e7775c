"""The extender's rights are those that it uses: read from the API server's audit log of its user."""

import json
from typing import Any

import pytest
import yaml
from harness import kubernetes, objects
from harness.controlplane import ControlPlane
from harness.kubelet import Kubelet
from harness.rights import CHART_RULES
from harness.scene import Scene

pytestmark = [pytest.mark.e2e, pytest.mark.core]

Right = tuple[str, str]

# Rights that one Pod's way through a bind does not need, and when they are.
SELDOM: dict[Right, str] = {
    ("get", "resourceclaims"): "another writer was faster",
    ("create", "resourceclaims"): "an extended resource",
    ("delete", "resourceclaims"): "an extended resource whose bind failed",
    ("get", "pods"): "no answer to a binding",
    ("patch", "pods/status"): "an extended resource, or a refused Pod is requeued",
    ("create", "events"): "a refusal is told on the Pod",
    ("patch", "events"): "and told again",
    ("list", "podgroups"): "PodGroups are served",
    ("watch", "podgroups"): "PodGroups are served",
}
SELDOM |= {
    ("list", resource): "an API server that does not stream lists"
    for resource in (
        "deviceclasses",
        "devicetaintrules",
        "nodes",
        "pods",
        "resourceclaims",
        "resourceclaimtemplates",
        "resourceslices",
    )
}
# Asked of the authorizer on the patch of the status, so that no request of its own is logged.
IMPLIED: set[Right] = {("patch", "resourceclaims/binding")}
# What the chart grants for newer versions of Kubernetes.
NOT_SERVED: set[Right] = set() if kubernetes.TAINT_RULE_API else {("watch", "devicetaintrules")}


def granted() -> set[Right]:
    rules: list[dict[str, Any]] = yaml.safe_load(CHART_RULES.read_text())["rules"]
    return {
        (verb, resource) for rule in rules for resource in rule.get("resources", ()) for verb in rule["verbs"]
    }


def used(control_plane: ControlPlane, *, since: int) -> tuple[set[Right], list[str]]:
    """What was asked for and allowed so far, and what was forbidden after the first bytes of the log.

    Other tests ask for what is forbidden, and an API server that has just started knows no roles yet.
    """
    allowed, forbidden = set(), []
    log = control_plane.audit_log.read_bytes()
    lately = len(log[:since].splitlines())
    for number, line in enumerate(log.splitlines()):
        entry = json.loads(line)
        reference = entry.get("objectRef", {})
        if "resource" not in reference:
            continue  # discovery, health
        right = (
            entry["verb"],
            "/".join(part for part in (reference["resource"], reference.get("subresource")) if part),
        )
        # Admission answers 403 too, for a namespace that is being terminated.
        if entry["annotations"]["authorization.k8s.io/decision"] == "forbid":
            forbidden += [f"{' '.join(right)}: {entry['requestURI']}"] if number >= lately else []
        else:
            allowed.add(right)
    return allowed, forbidden


def test_no_right_is_missing_and_none_is_spare(
    control_plane: ControlPlane, scene: Scene, kubelet: Kubelet, scheduler: str
) -> None:
    begun = control_plane.audit_log.stat().st_size
    scene.create(objects.device_class("rights.example.com", f'device.driver == "{objects.DRIVER}"'))
    scene.node("node", objects.cats(1))
    scene.create(objects.claim("cat", device_class="rights.example.com"))
    scene.create(objects.pod("holder", scheduler, claims={"cat": "cat"}))
    kubelet.wait_running(scene.namespace, "holder")
    allowed, forbidden = used(control_plane, since=begun)
    assert forbidden == []
    reviews = {("create", "tokenreviews"), ("create", "subjectaccessreviews")}  # of system:auth-delegator
    assert allowed - granted() - reviews == set()
    spare = granted() - allowed - IMPLIED - NOT_SERVED
    assert spare <= set(SELDOM), f"granted and not used: {sorted(spare - set(SELDOM))}"
    assert set(SELDOM) <= granted(), "rights that are explained here and not granted"
