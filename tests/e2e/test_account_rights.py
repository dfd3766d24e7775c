"""What each account of the chart may do and may not, tried on the real API server with its own token.

Writes are dry runs of the API server: it authorizes them as it does others. The message tells what RBAC
refuses from what admission or validation refuses.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from harness import tls
from harness.controlplane import ADMIN, ControlPlane
from harness.release import CHART, FULL_NAME, Release
from harness.scene import Scene
from helm import folder as helm_folder

pytestmark = [pytest.mark.e2e, pytest.mark.helm]

PARTS = {"extender": "", "answers": "-answers", "scheduler": "-scheduler"}
METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}
Right = tuple[str, str, str]
"""Verb, API group, resource or resource/subresource."""


@dataclass(frozen=True, slots=True)
class Resource:
    """As discovery describes it."""

    path: str
    group: str
    name: str
    namespaced: bool
    verbs: tuple[str, ...]


class Account:
    """A service account, and what the API server says to it."""

    def __init__(self, server: str, ca: Path, token: str, namespace: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(
            base_url=server,
            headers=headers,
            verify=tls.trusting(ca),
            timeout=20,
            trust_env=False,
        )
        self._namespace = namespace

    def may(self, verb: str, resource: Resource, *, name: str = "nothing", namespace: str = "") -> bool:
        """Tries it. The object does not exist, and nothing is written."""
        base, _, subresource = resource.name.partition("/")
        parts = [resource.path]
        if resource.namespaced:
            parts += ["namespaces", namespace or self._namespace]
        parts.append(base)
        if verb in ("get", "update", "patch", "delete") or subresource:
            parts += [name, *([subresource] if subresource else [])]
        query: dict[str, str] = {}
        if verb in ("create", "update", "patch", "delete", "deletecollection"):
            query["dryRun"] = "All"
        if verb == "watch":
            query |= {"watch": "true", "timeoutSeconds": "1"}
        kind = "application/merge-patch+json" if verb == "patch" else "application/json"
        request = self.http.build_request(
            METHODS[verb],
            "/" + "/".join(parts),
            params=query,
            content=b"{}",
            headers={"Content-Type": kind},
        )
        response = self.http.send(request, stream=True)
        try:
            if response.status_code != httpx.codes.FORBIDDEN:
                return True
            response.read()
            return "cannot " not in response.json().get("message", "")
        finally:
            response.close()


@pytest.fixture(scope="module")
def accounts(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, Account], str]]:
    """By component, of a release whose roles are separate, and its namespace."""
    if not (helm_folder() / "helm").exists():
        why = "Helm is not built: run `make helm` (1-3 min once)"
        if os.environ.get("CI") == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    with Scene(control_plane.admin) as scene:
        home = tmp_path_factory.mktemp("rights")
        release = Release(control_plane, helm_folder() / "helm", scene.namespace, home)
        release.install({"roles": {"separate": True}, "replicas": 0, "answers": {"replicas": 0}})
        ca = control_plane.certificates / "apiserver.crt"
        found = {
            component: Account(
                control_plane.server,
                ca,
                control_plane.admin.token(release.account(part), scene.namespace),
                scene.namespace,
            )
            for component, part in PARTS.items()
        }
        yield found, scene.namespace
        for account in found.values():
            account.http.close()
        release.uninstall()


@pytest.fixture(scope="module")
def resources(control_plane: ControlPlane) -> list[Resource]:
    """All that the API server serves, each in its preferred version."""
    token = control_plane.users.token(ADMIN)
    ca = control_plane.certificates / "apiserver.crt"
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(
        base_url=control_plane.server,
        headers=headers,
        verify=tls.trusting(ca),
        trust_env=False,
    ) as admin:
        versions = [("api/v1", "")]
        versions += [
            (f"apis/{group['preferredVersion']['groupVersion']}", group["name"])
            for group in admin.get("/apis").json()["groups"]
        ]
        return [
            Resource(path, group, item["name"], item["namespaced"], tuple(item["verbs"]))
            for path, group in versions
            for item in admin.get(f"/{path}").json()["resources"]
        ]


def rights_of(*files: str) -> set[Right]:
    """What files of the chart grant in all namespaces."""
    rules = [
        rule
        for file in files
        for rule in yaml.safe_load((CHART / "files" / file).read_text())["rules"]
        if "resources" in rule
    ]
    return {
        (verb, group, resource)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule.get("apiGroups", ())
        for resource in rule["resources"]
    }


OF_EVERY_ACCOUNT = {
    ("create", "authorization.k8s.io", "selfsubjectaccessreviews"),
    ("create", "authorization.k8s.io", "selfsubjectrulesreviews"),
    ("create", "authentication.k8s.io", "selfsubjectreviews"),
    ("get", "certificates.k8s.io", "clustertrustbundles"),
    ("list", "certificates.k8s.io", "clustertrustbundles"),
    ("watch", "certificates.k8s.io", "clustertrustbundles"),
}
"""ClusterRoles system:basic-user and system:cluster-trust-bundle-discovery: Kubernetes grants them to all."""
REVIEWS = {
    ("create", "authentication.k8s.io", "tokenreviews"),
    ("create", "authorization.k8s.io", "subjectaccessreviews"),
}
"""ClusterRole system:auth-delegator."""
LEASE = {
    ("create", "coordination.k8s.io", "leases"),
    ("create", "discovery.k8s.io", "endpointslices"),
}
"""In the namespace of the release only; the others of its Role are for one name."""
GRANTED = {
    "extender": rights_of("clusterrole.yaml") | REVIEWS | LEASE,
    "answers": rights_of("reader-role.yaml") | REVIEWS,
}


@pytest.mark.parametrize("component", GRANTED)
def test_an_account_may_do_what_the_chart_grants_and_nothing_else(
    accounts: tuple[dict[str, Account], str], resources: list[Resource], component: str
) -> None:
    account, granted = accounts[0][component], GRANTED[component] | OF_EVERY_ACCOUNT
    tried, wrong = 0, []
    for resource in resources:
        for verb in resource.verbs:
            if verb not in METHODS:
                continue
            tried += 1
            expected = (verb, resource.group, resource.name) in granted
            if account.may(verb, resource) is not expected:
                wrong.append(
                    f"{verb} {resource.name}.{resource.group} {'refused' if expected else 'allowed'}"
                )
    assert wrong == []
    assert tried > 300


DANGEROUS: dict[str, Any] = {
    "patch": ["pods", "pods/ephemeralcontainers", "nodes", "nodes/status", "deployments", "clusterroles"],
    "create": [
        "pods",
        "pods/exec",
        "pods/portforward",
        "pods/eviction",
        "serviceaccounts/token",
        "clusterrolebindings",
        "rolebindings",
        "certificatesigningrequests",
    ],
    "get": ["secrets", "pods/log", "pods/exec", "nodes/proxy", "configmaps"],
    "list": ["secrets", "configmaps"],
    "delete": ["nodes", "namespaces", "resourceslices", "deviceclasses"],
    "update": ["pods", "nodes", "resourceslices", "deviceclasses"],
}
DANGEROUS_FOR_SCHEDULER = {
    verb: [name for name in names if (verb, name) != ("create", "pods/eviction")]
    for verb, names in DANGEROUS.items()
}


@pytest.mark.parametrize("component", PARTS)
def test_no_account_can_take_over_the_cluster(
    accounts: tuple[dict[str, Account], str], resources: list[Resource], component: str
) -> None:
    """Independent of the chart's files: these must never be granted."""
    account = accounts[0][component]
    known = {resource.name: resource for resource in resources if resource.group != "events.k8s.io"}
    given = DANGEROUS_FOR_SCHEDULER if component == "scheduler" else DANGEROUS
    allowed = [
        f"{verb} {name}"
        for verb, names in given.items()
        for name in names
        if account.may(verb, known[name], namespace="kube-system")
    ]
    assert allowed == []


def test_no_account_can_act_as_another(accounts: tuple[dict[str, Account], str]) -> None:
    for account in accounts[0].values():
        response = account.http.get("/api/v1/pods", headers={"Impersonate-User": "system:admin"})
        assert response.status_code == httpx.codes.FORBIDDEN
        assert "impersonate" in response.json()["message"]


def test_the_lease_and_the_endpoint_are_of_one_name_and_namespace(
    accounts: tuple[dict[str, Account], str], resources: list[Resource]
) -> None:
    found, namespace = accounts
    lease, endpoint = (
        next(item for item in resources if item.name == name) for name in ("leases", "endpointslices")
    )
    own = f"{FULL_NAME}-leader"
    for resource in (lease, endpoint):
        for verb in ("get", "update"):
            assert found["extender"].may(verb, resource, name=own, namespace=namespace)
            assert not found["extender"].may(verb, resource, name="another", namespace=namespace)
            assert not found["extender"].may(verb, resource, name=own, namespace="kube-system")
            assert not found["answers"].may(verb, resource, name=own, namespace=namespace)
        assert not found["extender"].may("create", resource, namespace="kube-system")
        assert not found["answers"].may("create", resource, namespace=namespace)
    scheduler_lease = f"{FULL_NAME}-scheduler"
    assert found["scheduler"].may("update", lease, name=scheduler_lease, namespace=namespace)
    assert not found["extender"].may("update", lease, name=scheduler_lease, namespace=namespace)
    assert not found["scheduler"].may("update", lease, name=own, namespace=namespace)


def test_the_scheduler_reads_devices_and_publishes_none(
    accounts: tuple[dict[str, Account], str], resources: list[Resource]
) -> None:
    """Kubernetes' own role lets every kube-scheduler write claims. The chart adds its Lease only."""
    slices = next(item for item in resources if item.name == "resourceslices")
    account = accounts[0]["scheduler"]
    assert account.may("list", slices)
    for verb in ("create", "update", "patch", "delete"):
        assert not account.may(verb, slices)
