"""The rendered manifests hold together, whatever the values."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.application import run
from app.core.json_object import JsonObject
from app.settings.settings import Settings
from tests.chart.value_sets import VALUE_SETS

pytestmark = pytest.mark.helm

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "charts" / "dra-extender"
OPEN = VALUE_SETS["open"]
EXPANDER = 8890
"""A port for Cluster Autoscaler alone, with a policy for it."""
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
}

Render = Callable[..., list[JsonObject]]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=VALUE_SETS.values(), ids=VALUE_SETS.keys())
def manifests(request: pytest.FixtureRequest, render: Render) -> list[JsonObject]:
    return render(request.param)


def of_kind(manifests: list[JsonObject], kind: str) -> list[JsonObject]:
    return [item for item in manifests if item["kind"] == kind]


def named(manifests: list[JsonObject], kind: str, name: str) -> JsonObject:
    (item,) = (item for item in of_kind(manifests, kind) if item["metadata"]["name"] == name)
    return item


def pods_of(manifests: list[JsonObject]) -> list[JsonObject]:
    """The Pod templates of all Deployments."""
    return [item["spec"]["template"] for item in of_kind(manifests, "Deployment")]


def only(manifests: list[JsonObject], kind: str) -> JsonObject:
    (item,) = of_kind(manifests, kind)
    return item


def deployment(manifests: list[JsonObject], component: str = "extender") -> JsonObject:
    (item,) = (
        item
        for item in of_kind(manifests, "Deployment")
        if item["metadata"]["labels"]["app.kubernetes.io/component"] == component
    )
    return item


def deployed(manifests: list[JsonObject], component: str = "extender") -> JsonObject:
    """The Pod template of the Deployment."""
    template: JsonObject = deployment(manifests, component)["spec"]["template"]
    return template


def containers(pod: JsonObject) -> Iterator[JsonObject]:
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def container(pod: JsonObject, name: str) -> JsonObject:
    (found,) = (item for item in containers(pod) if item["name"] == name)
    return found


def matches(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def scheduler_configuration(manifests: list[JsonObject]) -> JsonObject:
    (held,) = (
        item["data"]["kube-scheduler.yaml"]
        for item in of_kind(manifests, "ConfigMap")
        if "kube-scheduler.yaml" in item["data"]
    )
    loaded: JsonObject = yaml.safe_load(held)
    return loaded


@pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS.keys())
def test_lint_finds_nothing(run_helm: Run, values: dict[str, Any]) -> None:
    done = run_helm("lint", "--strict", CHART, values=values)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout


def test_every_object_is_named_once_and_labelled(manifests: list[JsonObject]) -> None:
    names = [
        (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in manifests
    ]
    assert len(names) == len(set(names))
    for item in manifests:
        labels = item["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "release"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"].startswith("dra-extender-")
        components = {"Pod": {"test"}, "Deployment": {"extender", "answers", "scheduler"}}
        assert labels["app.kubernetes.io/component"] in components.get(item["kind"], {"extender"})
        assert all(len(value) <= 63 for value in labels.values())
        if item["kind"] not in CLUSTER_WIDE:
            assert item["metadata"]["namespace"] in ("dra", "kube-system")
            assert len(item["metadata"]["name"]) <= 63 or item["kind"] in {"RoleBinding", "Secret"}


def test_containers_run_with_the_least_rights(manifests: list[JsonObject]) -> None:
    pods = [*pods_of(manifests), only(manifests, "Pod")]
    for pod in pods:
        context = pod["spec"]["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"], context["runAsGroup"]) == (True, 65532, 65532)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        for item in containers(pod):
            assert item["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(item["resources"]["requests"]) == {"cpu", "memory"}
            assert "memory" in item["resources"]["limits"]
    assert pods[-1]["spec"]["automountServiceAccountToken"] is False


def test_selectors_find_the_pods_of_one_deployment_and_not_the_test(manifests: list[JsonObject]) -> None:
    selectors = [
        *(item["spec"]["selector"]["matchLabels"] for item in of_kind(manifests, "Deployment")),
        *(item["spec"]["selector"] for item in of_kind(manifests, "Service") if "selector" in item["spec"]),
        *(item["spec"]["selector"]["matchLabels"] for item in of_kind(manifests, "PodDisruptionBudget")),
        *(item["spec"]["podSelector"]["matchLabels"] for item in of_kind(manifests, "NetworkPolicy")),
    ]
    for selector in selectors:
        assert [matches(selector, pod["metadata"]["labels"]) for pod in pods_of(manifests)].count(True) == 1
        assert not matches(selector, only(manifests, "Pod")["metadata"]["labels"])


def open_ports(pod: JsonObject) -> dict[str, int]:
    """Those for others: the kubelet alone calls the probe's."""
    ports = {port["name"]: port["containerPort"] for item in containers(pod) for port in item["ports"]}
    return {name: number for name, number in ports.items() if name != "probe"}


def test_ports_and_probes_name_ports_that_are_there(manifests: list[JsonObject]) -> None:
    for pod in pods_of(manifests):
        labels = pod["metadata"]["labels"]
        for service in of_kind(manifests, "Service"):
            if "selector" in service["spec"] and matches(service["spec"]["selector"], labels):
                assert {port["targetPort"] for port in service["spec"]["ports"]} == set(open_ports(pod))
        for policy in of_kind(manifests, "NetworkPolicy"):
            if matches(policy["spec"]["podSelector"]["matchLabels"], labels):
                for rule in policy["spec"]["ingress"]:
                    allowed = {port["port"] for port in rule["ports"]}
                    assert allowed in (set(open_ports(pod).values()) - {EXPANDER}, {EXPANDER})
        for item in containers(pod):
            own = {port["name"] for port in item["ports"]}
            for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
                assert item[probe]["httpGet"]["port"] in own
            assert item["livenessProbe"]["httpGet"]["path"] == "/livez"
            # Followers are ready too: rollouts and drains wait for it.
            assert item["readinessProbe"]["httpGet"]["path"] in {"/readyz", "/readyz?exclude=leader"}


def test_volumes_and_accounts_are_there(manifests: list[JsonObject]) -> None:
    rendered = {item["metadata"]["name"] for item in of_kind(manifests, "ConfigMap")}
    accounts = {item["metadata"]["name"] for item in of_kind(manifests, "ServiceAccount")}
    for pod in pods_of(manifests):
        spec = pod["spec"]
        volumes = [volume["name"] for volume in spec["volumes"]]
        assert len(volumes) == len(set(volumes))
        for item in containers(pod):
            assert {mount["name"] for mount in item["volumeMounts"]} <= set(volumes)
        given = {
            volume["configMap"]["name"]
            for volume in spec["volumes"]
            if "configMap" in volume and not volume["configMap"].get("optional")
        }
        # What the user's values name is the user's.
        assert given - {"openshift-service-ca.crt"} <= rendered
        assert (spec["serviceAccountName"] in accounts) is bool(accounts)
    # The rest is for others to read: Grafana, and a kube-scheduler of the user's own.
    name = deployment(manifests)["metadata"]["name"]
    assert {item.removeprefix(f"{name}-") for item in rendered} <= {"scheduler", "dashboard"}


def test_each_deployment_has_an_account_of_its_own(manifests: list[JsonObject]) -> None:
    accounts = [pod["spec"]["serviceAccountName"] for pod in pods_of(manifests)]
    assert len(accounts) == len(set(accounts))


def test_bindings_give_roles_that_are_there_to_accounts_of_pods(manifests: list[JsonObject]) -> None:
    accounts = {pod["spec"]["serviceAccountName"] for pod in pods_of(manifests)}
    given = {
        (item["kind"], item["metadata"]["name"])
        for kind in ("ClusterRole", "Role")
        for item in of_kind(manifests, kind)
    }
    of_kubernetes = {
        ("ClusterRole", "system:kube-scheduler"),
        ("ClusterRole", "system:volume-scheduler"),
        ("ClusterRole", "system:auth-delegator"),
        ("Role", "extension-apiserver-authentication-reader"),
    }
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        for item in of_kind(manifests, kind):
            assert (item["roleRef"]["kind"], item["roleRef"]["name"]) in given | of_kubernetes
            for subject in item["subjects"]:
                assert (subject["kind"], subject["namespace"]) == ("ServiceAccount", "dra")
                assert subject["name"] in accounts


def roles_of(manifests: list[JsonObject], account: str) -> set[str]:
    """The names of the roles that are bound to an account, without the release's name."""
    return {
        item["roleRef"]["name"].removeprefix("dra:").removeprefix("release-dra-extender")
        for kind in ("ClusterRoleBinding", "RoleBinding")
        for item in of_kind(manifests, kind)
        if any(subject["name"] == account for subject in item["subjects"])
    }


def test_in_separate_deployments_each_account_has_its_own_roles(render: Render) -> None:
    manifests = render({"roles": {"separate": True}})
    found = {
        component: roles_of(manifests, deployed(manifests, component)["spec"]["serviceAccountName"])
        for component in ("extender", "answers", "scheduler")
    }
    assert found == {
        "extender": {"", "-leader", "system:auth-delegator"},
        "answers": {":answers", "system:auth-delegator"},
        "scheduler": {
            "-scheduler",
            "extension-apiserver-authentication-reader",
            "system:kube-scheduler",
            "system:volume-scheduler",
        },
    }


@pytest.mark.parametrize("preemption", ["off", "evict"])
def test_the_answers_only_read(render: Render, preemption: str) -> None:
    manifests = render({"roles": {"separate": True}, "preemption": preemption})
    every = named(manifests, "ClusterRole", "dra:release-dra-extender:answers")["rules"]
    rules = [rule for rule in every if "resources" in rule]
    assert [rule for rule in every if rule not in rules] == [
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
    ]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list", "watch"}
    watched = {resource for rule in rules for resource in rule["resources"]}
    assert ("poddisruptionbudgets" in watched) is (preemption == "evict")
    assert "secrets" not in watched


def test_separate_deployments_have_the_roles_and_call_over_the_network(render: Render) -> None:
    manifests = render({"roles": {"separate": True}, "replicas": 2, "answers": {"replicas": 3}})
    arguments = {
        component: container(deployed(manifests, component), "extender")["args"]
        for component in ("extender", "answers")
    }
    assert "--roles=webhooks" in arguments["extender"]
    assert "--roles=api" in arguments["answers"]
    assert not [text for text in arguments["answers"] if "leader" in text or "field-manager" in text]
    assert "--client-ca-file=/etc/dra-extender/client-ca/ca.crt" in arguments["extender"]
    replicas = {
        component: deployment(manifests, component)["spec"]["replicas"]
        for component in ("extender", "answers", "scheduler")
    }
    assert replicas == {"extender": 2, "answers": 3, "scheduler": 2}
    (extender,) = scheduler_configuration(manifests)["extenders"]
    assert extender["urlPrefix"] == "https://release-dra-extender-leader.dra.svc:8888/scheduler"
    assert extender["tlsConfig"]["serverName"] == "release-dra-extender-leader.dra.svc"
    leader = named(manifests, "Service", "release-dra-extender-leader")
    assert "selector" not in leader["spec"]
    page = named(manifests, "Service", "release-dra-extender")["spec"]["selector"]
    assert page["app.kubernetes.io/component"] == "answers"


def test_only_kube_scheduler_reaches_what_decides(render: Render) -> None:
    manifests = render({"roles": {"separate": True}, "networkPolicy": {"answersFrom": [{"podSelector": {}}]}})

    def peers(name: str) -> list[Any]:
        rules = named(manifests, "NetworkPolicy", name)["spec"]["ingress"]
        return [peer for rule in rules for peer in rule["from"]]

    (caller,) = peers("release-dra-extender")
    labels = caller["podSelector"]["matchLabels"]
    assert [matches(labels, pod["metadata"]["labels"]) for pod in pods_of(manifests)].count(True) == 1
    assert matches(labels, deployed(manifests, "scheduler")["metadata"]["labels"])
    assert {"podSelector": {}} in peers("release-dra-extender-answers")
    assert peers("release-dra-extender-scheduler") == []  # none: nothing reaches it


@pytest.mark.parametrize("separate", [False, True], ids=["one Pod", "separate"])
def test_cluster_autoscaler_reaches_the_port_that_answers_it(
    render: Render, monkeypatch: pytest.MonkeyPatch, separate: bool
) -> None:
    manifests = render(VALUE_SETS["expander"] | {"roles": {"separate": separate}})
    template = deployed(manifests, "answers" if separate else "extender")
    started: list[Settings] = []
    monkeypatch.setattr("app.main.serve", started.append)
    extender = container(template, "extender")
    for item in extender["env"]:
        monkeypatch.setenv(item["name"], item.get("value", ""))
    assert run(list(extender["args"])) == 0
    (settings,) = started
    assert (settings.expander_port, settings.expander_prices) == (8890, {"pool-a": 2.5, "g2-standard-4": 1.0})
    service = named(manifests, "Service", "release-dra-extender")
    (port,) = (item for item in service["spec"]["ports"] if item["name"] == "expander")
    assert {"name": port["targetPort"], "containerPort": 8890} in extender["ports"]
    assert matches(service["spec"]["selector"], template["metadata"]["labels"])
    policy = named(manifests, "NetworkPolicy", "release-dra-extender-expander")["spec"]
    assert policy["ingress"][0]["ports"] == [{"port": 8890, "protocol": "TCP"}]
    assert matches(policy["podSelector"]["matchLabels"], template["metadata"]["labels"])


def test_only_what_answers_listens_for_cluster_autoscaler(render: Render) -> None:
    def arguments(values: dict[str, Any]) -> list[str]:
        return container(deployed(render(values), "extender"), "extender")["args"]

    assert "--expander-port=8890" not in arguments({})
    assert "--expander-port=8890" not in arguments(VALUE_SETS["expander"] | {"roles": {"separate": True}})


def test_the_key_of_the_webhooks_is_not_in_the_pods_of_the_answers(render: Render) -> None:
    manifests = render({"roles": {"separate": True}})

    def keys(component: str) -> set[str]:
        return {
            volume["secret"]["secretName"]
            for volume in deployed(manifests, component)["spec"]["volumes"]
            for item in volume.get("secret", {}).get("items", ())
            if item["key"] == "tls.key"
        }

    assert keys("extender") == {"release-dra-extender-tls"}
    assert keys("answers") == {"release-dra-extender-answers-tls"}
    assert keys("scheduler") == {"release-dra-extender-scheduler-tls"}


def test_a_public_page_exposes_no_webhook_and_no_metrics(render: Render) -> None:
    manifests = render(VALUE_SETS["public"])
    page = named(manifests, "Service", "release-dra-extender")
    (rule,) = only(manifests, "Ingress")["spec"]["rules"]
    paths = {(item["path"], item["pathType"]) for item in rule["http"]["paths"]}
    assert ("/", "Exact") in paths
    assert ("/", "Prefix") not in paths
    assert not [path for path, _ in paths if path.startswith(("/scheduler", "/metrics"))]
    backends = {item["backend"]["service"]["name"] for item in rule["http"]["paths"]}
    (routed,) = only(manifests, "HTTPRoute")["spec"]["rules"]
    backends |= {item["name"] for item in routed["backendRefs"]}
    assert backends == {page["metadata"]["name"]}
    assert {(item["path"]["value"], item["path"]["type"]) for item in routed["matches"]} == {
        (path, {"Prefix": "PathPrefix"}.get(kind, kind)) for path, kind in paths
    }


def test_common_labels_and_annotations_are_on_every_object(render: Render) -> None:
    for item in render(VALUE_SETS["tuned"]):
        assert item["metadata"]["labels"]["example.com/team"] == "cats"
        assert item["metadata"]["annotations"]["example.com/contact"] == "cats@example.com"
    pod = deployed(render(VALUE_SETS["tuned"]))["metadata"]["annotations"]
    assert (pod["example.com/a"], pod["example.com/contact"]) == ("b", "cats@example.com")


def test_version_features_dry_runs_and_logging_are_settings_of_the_program(
    render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Settings] = []
    monkeypatch.setattr("app.main.serve", started.append)
    extender = container(deployed(render(VALUE_SETS["tuned"])), "extender")
    for item in extender["env"]:
        monkeypatch.setenv(item["name"], item["value"])
    assert run(list(extender["args"])) == 0
    (settings,) = started
    assert settings.kubernetes_version == "1.36"
    assert settings.features == {"PartitionableDevices": False, "AdminAccess": True}
    assert (settings.dry_runs, settings.dry_run_timeout_seconds, settings.dry_run_pods) == (8, 30, 500)
    assert (settings.log_format, settings.verbosity) == ("text", 2)


def test_openshift_assigns_the_ids_itself(render: Render) -> None:
    manifests = render({}, api="security.openshift.io/v1")
    for pod in (deployed(manifests), only(manifests, "Pod")):
        assert pod["spec"]["securityContext"] == {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    own = render({"podSecurityContext": {"runAsUser": 1000, "fsGroup": None}})
    context = deployed(own)["spec"]["securityContext"]
    assert context["runAsUser"] == 1000
    assert "fsGroup" not in context


VERSIONS = {
    "1.33": ({"resourceclaims/status"}, True),
    "1.34": ({"resourceclaims/status", "podgroups"}, False),
    "1.35": ({"resourceclaims/status", "podgroups", "resourceclaims/binding"}, False),
    "1.38": ({"resourceclaims/status", "podgroups", "resourceclaims/binding"}, False),
}


@pytest.mark.parametrize(("version", "expected"), VERSIONS.items(), ids=VERSIONS)
def test_rights_are_those_of_the_clusters_version_and_the_next(
    render: Render, version: str, expected: tuple[set[str], bool]
) -> None:
    manifests = render({}, kubernetes=f"{version}.0")
    role = named(manifests, "ClusterRole", "dra:release-dra-extender")
    resources = {resource for rule in role["rules"] for resource in rule.get("resources", ())}
    assert resources & {"resourceclaims/status", "podgroups", "resourceclaims/binding"} == expected[0]
    gates = "--feature-gates=DynamicResourceAllocation=true"
    assert (gates in container(deployed(manifests), "kube-scheduler")["args"]) is expected[1]


PROTECTING = {"claimProtection": {"enabled": True}}
ADMISSION = ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")


@pytest.mark.parametrize(
    ("version", "values", "expected"),
    [
        pytest.param("1.36.0", PROTECTING, 1, id="the first version with the API"),
        pytest.param("1.36.1-gke.100", PROTECTING, 1, id="a provider's build of it"),
        pytest.param("1.38.0", PROTECTING, 1, id="newer"),
        pytest.param("1.35.9", PROTECTING, 0, id="older"),
        pytest.param("1.37.2", {}, 0, id="not asked for"),
    ],
)
def test_claims_are_protected_on_creation_where_the_cluster_can_and_it_is_asked_for(
    render: Render, version: str, values: dict[str, Any], expected: int
) -> None:
    manifests = render(values, kubernetes=version)
    policies, bindings = (of_kind(manifests, kind) for kind in ADMISSION)
    assert (len(policies), len(bindings)) == (expected, expected)
    for policy, binding in zip(policies, bindings, strict=True):
        assert binding["spec"] == {"policyName": policy["metadata"]["name"]}
        assert policy["spec"] == yaml.safe_load((CHART / "files" / "protected-claims.yaml").read_text())


def test_releases_in_two_namespaces_have_a_policy_each(run_helm: Run) -> None:
    names = {
        item["metadata"]["name"]
        for namespace in ("one", "two")
        for item in yaml.safe_load_all(
            run_helm("template", "release", CHART, "--namespace", namespace, values=PROTECTING).stdout
        )
        if item is not None and item["kind"] in ADMISSION
    }
    assert len(names) == 2


def test_view_of_kubernetes_includes_what_concerns_a_namespace(render: Render) -> None:
    role = named(render({}), "ClusterRole", "dra:release-dra-extender:view")
    assert role["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    (rule,) = role["rules"]
    assert rule["verbs"] == ["get"]
    assert set(rule["resources"]) == {"claims", "pods", "pods/explain"}
    apart = named(
        render({"rbac": {"aggregateToView": False}}), "ClusterRole", "dra:release-dra-extender:view"
    )
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in apart["metadata"]["labels"]


def test_the_update_strategy_can_be_set(render: Render) -> None:
    assert "strategy" not in deployment(render({}))["spec"]
    given = deployment(render(VALUE_SETS["tuned"]))["spec"]["strategy"]
    assert given == VALUE_SETS["tuned"]["updateStrategy"]


def test_the_extender_has_the_rights_of_the_file_and_no_others(render: Render) -> None:
    rules = yaml.safe_load((CHART / "files" / "clusterrole.yaml").read_text())["rules"]
    alone = render({"scheduler": {"enabled": False}})
    role = "dra:release-dra-extender"
    assert named(alone, "ClusterRole", role)["rules"] == rules
    account = deployed(alone)["spec"]["serviceAccountName"]
    assert roles_of(alone, account) == {"", "-leader", "system:auth-delegator"}
    own = of_kind(alone, "Role") + of_kind(alone, "RoleBinding")
    assert {item["metadata"]["name"] for item in own} == {"release-dra-extender-leader"}
    assert named(render({}), "ClusterRole", role)["rules"] == rules


def test_only_an_extender_that_is_told_to_evict_may_do_so(render: Render) -> None:
    more = yaml.safe_load((CHART / "files" / "preemption-rules.yaml").read_text())
    usual, evicting = render({}), render(VALUE_SETS["evicting"])
    role = "dra:release-dra-extender"
    rules, extended = (named(found, "ClusterRole", role)["rules"] for found in (usual, evicting))
    assert [rule for rule in extended if rule not in rules] == more
    assert not any("pods/eviction" in rule.get("resources", ()) for rule in rules)
    assert "--preemption=off" in container(deployed(usual), "extender")["args"]
    assert "--preemption=evict" in container(deployed(evicting), "extender")["args"]


def test_without_rbac_there_are_no_rights(render: Render) -> None:
    kinds = {item["kind"] for item in render({"rbac": {"create": False}})}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}


def test_kube_scheduler_leaves_devices_to_the_extender(render: Render) -> None:
    manifests = render({})
    configuration = scheduler_configuration(manifests)
    (profile,) = configuration["profiles"]
    assert profile["schedulerName"] == "dra-scheduler"
    assert profile["plugins"]["multiPoint"]["disabled"] == [{"name": "DynamicResources"}]
    assert configuration["percentageOfNodesToScore"] == 100
    (extender,) = configuration["extenders"]
    assert extender["ignorable"] is False
    assert not extender.get("managedResources")
    port = container(deployed(manifests), "extender")["ports"][0]["containerPort"]
    assert extender["urlPrefix"] == f"https://127.0.0.1:{port}/scheduler"


def test_the_configuration_is_that_of_the_example(render: Render) -> None:
    example = yaml.safe_load((REPOSITORY / "examples" / "kube-scheduler.yaml").read_text())
    configuration = scheduler_configuration(render(VALUE_SETS["open"]))
    for name in ("apiVersion", "kind", "percentageOfNodesToScore", "profiles"):
        assert configuration[name] == example[name]
    (given,), (expected,) = configuration["extenders"], example["extenders"]
    assert {name: value for name, value in expected.items() if value != []} == given


def test_the_lease_has_a_name_of_its_own_and_the_right_to_it(manifests: list[JsonObject]) -> None:
    for item in of_kind(manifests, "Role"):
        if item["metadata"]["name"].endswith("-leader"):
            continue  # the extender's, see below
        if item["metadata"]["namespace"] == "kube-system":
            continue
        lease = scheduler_configuration(manifests)["leaderElection"]
        assert lease["leaderElect"] is True
        assert lease["resourceName"] != "kube-scheduler"
        assert lease["resourceNamespace"] == item["metadata"]["namespace"] == "dra"
        assert item["rules"][1]["resourceNames"] == [lease["resourceName"]]


def test_the_program_takes_its_arguments_and_environment(
    manifests: list[JsonObject], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Settings] = []
    monkeypatch.setattr("app.main.serve", started.append)
    extender = container(deployed(manifests), "extender")
    for item in extender["env"]:
        monkeypatch.setenv(item["name"], item.get("value", "10.0.0.1"))
    arguments = [text for text in extender["args"] if not text.startswith("--config=")]

    assert run(arguments) == 0
    assert started[0].leader_elect
    if len(pods_of(manifests)) > 1:
        answers = container(deployed(manifests, "answers"), "extender")
        assert run([text for text in answers["args"] if not text.startswith("--config=")]) == 0
        assert [settings.roles for settings in started] == [("webhooks",), ("api",)]


def test_what_is_written_to_claims_can_be_set(render: Render) -> None:
    claims = {"fieldManager": "second", "reconcileGraceSeconds": 90.5, "reconcileIntervalSeconds": 5}
    assert {
        "--field-manager=second",
        "--reconcile-grace-seconds=90.5",
        "--reconcile-interval-seconds=5",
    } <= set(container(deployed(render({"claims": claims})), "extender")["args"])


@pytest.mark.parametrize("seconds", ["0.5", ".25", "90.0", "999.9"])
def test_numbers_with_a_point_may_come_as_texts(render: Render, seconds: str) -> None:
    """`helm --set` makes them texts."""
    values = {"claims": {"reconcileGraceSeconds": seconds}, "scheduler": {"qps": "0.5"}}
    manifests = render(values)
    assert f"--reconcile-grace-seconds={seconds}" in container(deployed(manifests), "extender")["args"]
    assert scheduler_configuration(manifests)["clientConnection"]["qps"] == 0.5


CREDENTIALS = {
    "a token": ({}, {"TOKEN_FILE": "/etc/dra-extender/prometheus/token"}),
    "a user": (
        {"prometheusUsername": "reader"},
        {"USERNAME": "reader", "PASSWORD_FILE": "/etc/dra-extender/prometheus/password"},
    ),
    "a CA": (
        {"prometheusCA": {"configMap": {"name": "ca"}}},
        {
            "TOKEN_FILE": "/etc/dra-extender/prometheus/token",
            "CA_FILE": "/etc/dra-extender/prometheus-ca/ca.crt",
        },
    ),
}


@pytest.mark.parametrize(("more", "expected"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_prometheus_gets_the_credentials_of_the_values(
    render: Render, more: dict[str, Any], expected: dict[str, str]
) -> None:
    secret = {"secret": {"secretName": "prometheus-reader"}}
    values = {"prometheusURL": "https://prometheus:9090", "prometheusCredentials": secret, **more}
    pod_spec = deployed(render({"overview": values}))
    extender = container(pod_spec, "extender")
    prefix = "DRA_OVERVIEW_PROMETHEUS_"
    named = {item["name"].removeprefix(prefix): item.get("value") for item in extender["env"]}
    assert expected.items() <= named.items()
    assert {"TOKEN_FILE", "PASSWORD_FILE", "USERNAME", "CA_FILE"} & named.keys() == expected.keys()
    volumes = {item["name"]: item for item in pod_spec["spec"]["volumes"]}
    assert volumes["prometheus"] == {"name": "prometheus", **secret}
    mounted = {item["mountPath"]: volumes[item["name"]] for item in extender["volumeMounts"]}
    for path in (value for value in expected.values() if value.startswith("/")):
        assert path.rpartition("/")[0] in mounted


def test_spans_are_sent_only_where_they_are_wanted(render: Render) -> None:
    arguments = container(deployed(render({})), "extender")["args"]
    assert not [text for text in arguments if "otlp" in text or "trace" in text]
    arguments = container(deployed(render(VALUE_SETS["traced"])), "extender")["args"]
    assert {"--otlp-endpoint=http://collector.tracing:4318", "--trace-ratio=0.1"} <= set(arguments)


def test_kube_scheduler_starts_after_the_extender_and_stops_before_it(render: Render) -> None:
    spec = deployed(render({}))["spec"]
    (sidecar,) = spec["initContainers"]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("extender", "Always")
    assert sidecar["startupProbe"]["httpGet"]["path"] == "/readyz?exclude=leader"
    assert [item["name"] for item in spec["containers"]] == ["kube-scheduler"]


def test_the_extenders_elect_a_leader_with_a_right_to_their_lease_and_no_other(
    manifests: list[JsonObject],
) -> None:
    arguments = container(deployed(manifests), "extender")["args"]
    assert "--leader-elect" in arguments
    (name,) = (text.partition("=")[2] for text in arguments if text.startswith("--leader-elect-name="))
    assert "--leader-elect-namespace=dra" in arguments
    for role in of_kind(manifests, "Role"):
        if role["metadata"]["name"].endswith("-leader"):
            named = [rule["resourceNames"] for rule in role["rules"] if rule["verbs"] != ["create"]]
            assert named == [[name], [name]]
            assert role["metadata"]["namespace"] == "dra"
    for role in of_kind(manifests, "ClusterRole"):
        assert not [rule for rule in role["rules"] if "leases" in rule.get("resources", ())]


def test_the_extender_alone_writes_itself_behind_a_service_of_the_leader(render: Render) -> None:
    manifests = render({"scheduler": {"enabled": False}, "replicas": 2})
    assert [item["name"] for item in containers(deployed(manifests))] == ["extender"]
    leader = named(manifests, "Service", "release-dra-extender-leader")
    environment = {item["name"]: item for item in container(deployed(manifests), "extender")["env"]}
    assert environment["DRA_LEADER_ELECT_SERVICE"]["value"] == leader["metadata"]["name"]
    field = environment["DRA_LEADER_ELECT_ADDRESS"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert field == "status.podIP"


def test_the_extender_alone_brings_the_configuration_for_the_clusters_own_scheduler(render: Render) -> None:
    alone: dict[str, Any] = {"scheduler": {"enabled": False}, "service": {"port": 80}, **OPEN}
    configuration = scheduler_configuration(render(alone))
    assert configuration["profiles"][0]["schedulerName"] == "default-scheduler"
    assert "leaderElection" not in configuration
    (extender,) = configuration["extenders"]
    assert extender["urlPrefix"] == "http://release-dra-extender-leader.dra.svc:80/scheduler"
    (own,) = scheduler_configuration(render(OPEN))["extenders"]
    assert {**extender, "urlPrefix": own["urlPrefix"]} == own
    secured = scheduler_configuration(render({"scheduler": {"enabled": False}}))
    (extender,) = secured["extenders"]
    assert extender["tlsConfig"]["serverName"] == "release-dra-extender-leader.dra.svc"
    assert set(extender["tlsConfig"]) == {"serverName", "caFile", "certFile", "keyFile"}


def test_pods_restart_for_a_changed_configuration_only(render: Render) -> None:
    def checksum(values: dict[str, Any]) -> str:
        return str(deployed(render(values))["metadata"]["annotations"]["checksum/config"])

    assert checksum({"scheduler": {"weight": 9}}) != checksum({})
    assert checksum({"service": {"port": 80}, "replicas": 2}) == checksum({})


def test_several_replicas_are_drained_one_at_a_time(render: Render) -> None:
    assert only(render({"replicas": 3}), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert not of_kind(render({"replicas": 1}), "PodDisruptionBudget")


def test_several_replicas_keep_apart_unless_told_otherwise(render: Render) -> None:
    def affinity(**values: Any) -> Any:
        return deployed(render(values))["spec"].get("affinity")

    (term,) = affinity(replicas=2)["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    manifests = render({"replicas": 2})
    labels = term["podAffinityTerm"]["labelSelector"]["matchLabels"]
    assert matches(labels, deployed(manifests)["metadata"]["labels"])
    assert affinity() is None
    own = {"nodeAffinity": {}}
    assert affinity(replicas=2, affinity=own) == own


IMAGES = {
    "of-the-cluster": ({}, "1.36.4", "registry.k8s.io/kube-scheduler:v1.36.4"),
    "of-a-vendors-cluster": ({}, "v1.35.2-gke.1234+abc", "registry.k8s.io/kube-scheduler:v1.35.2"),
    "given": ({"tag": "v1.34.1"}, "1.36.4", "registry.k8s.io/kube-scheduler:v1.34.1"),
    "pinned": (
        {"repository": "mirror.example/s", "tag": "v1", "digest": "sha256:" + "0" * 64},
        "1.36.4",
        "mirror.example/s:v1@sha256:" + "0" * 64,
    ),
}


@pytest.mark.parametrize(("image", "kubernetes", "expected"), IMAGES.values(), ids=IMAGES.keys())
def test_kube_scheduler_is_of_the_clusters_version(
    render: Render, image: dict[str, str], kubernetes: str, expected: str
) -> None:
    pod = deployed(render({"scheduler": {"image": image}}, kubernetes=kubernetes))
    assert container(pod, "kube-scheduler")["image"] == expected


REFUSED = {
    "unknown-value": ({"replica": 2}, "replica"),
    "unknown-value-inside": ({"scheduler": {"name": "x"}}, "name"),
    "negative-replicas": ({"replicas": -1}, "replicas"),
    "name-of-the-clusters-own-scheduler": (
        {"scheduler": {"schedulerName": "default-scheduler"}},
        "schedulerName",
    ),
    "timeout-without-unit": ({"scheduler": {"httpTimeout": "30"}}, "httpTimeout"),
    "digest-that-is-none": ({"image": {"digest": "latest"}}, "digest"),
    "port": ({"service": {"port": 70000}}, "port"),
    "name-too-long": ({"fullnameOverride": "n" * 53}, "fullnameOverride"),
    "tokens-in-the-clear": ({"tls": {"selfSigned": {"enabled": False}}}, "auth.mode token needs tls"),
    "certificates-of-nobody": ({"auth": {"mode": "mtls"}, "tls": {"secretName": "s"}}, "needs tls.mutual"),
    "mutual-without-tls": (
        {"tls": {"mutual": True, "selfSigned": {"enabled": False}}, "auth": {"mode": "off"}},
        "tls.mutual needs tls.secretName",
    ),
    "open-inventory": ({"auth": {"mode": "off"}}, "auth.mode is off"),
    "plain-http": (
        {"auth": {"mode": "off"}, "tls": {"selfSigned": {"enabled": False}}},
        "Set allowInsecureListen",
    ),
    "open-webhooks": (
        {"scheduler": {"enabled": False}, "tls": {"secretName": "s"}},
        "every client that reaches the Pods could bind Pods",
    ),
    "separate-without-certificates": (
        {"roles": {"separate": True}, "tls": {"secretName": "s"}},
        "roles.separate needs tls.mutual",
    ),
    "two-providers": (
        {"tls": {"secretName": "s", "selfSigned": {"enabled": True}}},
        "tls.selfSigned.enabled excludes",
    ),
    "expander-in-the-clear": (
        {
            "expander": {"enabled": True},
            "auth": {"mode": "off"},
            "tls": {"selfSigned": {"enabled": False}},
            "allowInsecureListen": True,
        },
        "expander.enabled needs tls",
    ),
    "a-node-for-nothing": ({"expander": {"prices": {"a": 0}}}, "prices"),
    "neither-on-nor-off": ({"tls": {"mutual": "maybe"}}, "mutual"),
    "version-as-a-number": ({"kubernetesVersion": 1.36}, "kubernetesVersion"),
    "patch-version": ({"kubernetesVersion": "1.36.2"}, "kubernetesVersion"),
    "feature-in-words": ({"features": {"AdminAccess": "yes"}}, "AdminAccess"),
    "no-dry-runs": ({"dryRuns": {"concurrent": 0}}, "concurrent"),
    "log-format": ({"logging": {"format": "xml"}}, "format"),
    "strategy": ({"updateStrategy": {"type": "Now"}}, "type"),
    "ingress-of-no-host": ({"ingress": {"enabled": True}}, "hosts"),
    "route-of-no-gateway": ({"httpRoute": {"enabled": True}}, "parentRefs"),
    "a-scheduler-without-certificate": (
        {"tls": {"secretName": "s", "mutual": True}},
        "tls.schedulerSecretName",
    ),
    "no-issuer": ({"tls": {"certManager": {"enabled": True}}}, "issuerRef.name"),
    "more-than-all-requests": ({"tracing": {"ratio": 1.5}}, "ratio"),
    "collector-without-scheme": ({"tracing": {"endpoint": "collector:4318"}}, "endpoint"),
    "field-manager-of-words": ({"claims": {"fieldManager": "a b"}}, "fieldManager"),
    "grace-of-a-day": ({"claims": {"reconcileGraceSeconds": 86400}}, "reconcileGraceSeconds"),
    "grace-of-no-time": ({"claims": {"reconcileGraceSeconds": "0.0"}}, "reconcileGraceSeconds"),
    "grace-in-words": ({"claims": {"reconcileGraceSeconds": "long"}}, "reconcileGraceSeconds"),
    "no-requests-a-second": ({"scheduler": {"qps": "0.0"}}, "qps"),
    "credentials-in-the-clear": (
        {"overview": {"prometheusURL": "http://p", "prometheusCredentials": {"secret": {"secretName": "s"}}}},
        "overview.prometheusCredentials needs an overview.prometheusURL with https",
    ),
    "user-without-password": (
        {"overview": {"prometheusURL": "https://p", "prometheusUsername": "u"}},
        "overview.prometheusUsername needs overview.prometheusCredentials",
    ),
    "label-that-is-no-text": ({"podLabels": {"a": 1}}, "podLabels"),
}


@pytest.mark.parametrize(("values", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_values_are_refused_by_name(run_helm: Run, values: dict[str, Any], named: str) -> None:
    done = run_helm("template", "release", CHART, values=values)
    assert done.returncode != 0
    assert named in done.stderr


def test_a_kubernetes_without_the_api_is_refused(run_helm: Run) -> None:
    done = run_helm("template", "release", CHART, values={}, kubernetes="1.32.9")
    assert done.returncode != 0
    assert "incompatible with Kubernetes v1.32.9" in done.stderr


NOTES = {
    "second-scheduler": (
        {},
        [
            "schedulerName: dra-scheduler",
            "kube-scheduler:v1.37.2",
            "--clusterrole=dra:release-dra-extender:viewer --serviceaccount=dra:page-reader",
            "kubectl -n dra create token page-reader",
        ],
        ["bindVerb"],
    ),
    "alone": (
        {"scheduler": {"enabled": False}},
        [
            "get configmap release-dra-extender-scheduler",
            "ingressFrom is empty",
            "The client certificate and its key come from the Secret release-dra-extender-scheduler-tls",
        ],
        ["schedulerName: dra-scheduler"],
    ),
    "separate": (
        {"roles": {"separate": True}},
        [
            "rollout status deployment/release-dra-extender-answers",
            "rollout status deployment/release-dra-extender-scheduler",
            "get secret release-dra-extender-answers-tls",
        ],
        ["ingressFrom is empty"],
    ),
    "protected": (
        {"claimProtection": {"enabled": True}},
        ["schedulerName: dra-scheduler"],
        ["claimProtection"],
    ),
    "alone-and-open": (
        {"scheduler": {"enabled": False}, "networkPolicy": {"enabled": False}},
        ["get configmap release-dra-extender-scheduler"],
        ["ingressFrom is empty"],
    ),
}


def notes_of(render: Render, tmp_path: Path, values: dict[str, Any], **options: str) -> str:
    """Helm prints notes only for a release in a cluster, so they are rendered as an object of a copy here."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    text = (chart / "templates" / "NOTES.txt").read_text()
    (chart / "templates" / "notes.yaml").write_text(
        '{{- define "notes" -}}\n'
        + text
        + '{{- end -}}\nkind: Notes\ntext: {{ include "notes" . | toJson }}\n'
    )
    notes: str = only(render(values, chart=chart, **options), "Notes")["text"]
    return notes


@pytest.mark.parametrize(("values", "there", "not_there"), NOTES.values(), ids=NOTES.keys())
def test_notes_say_what_to_do_next(
    render: Render, tmp_path: Path, values: dict[str, Any], there: list[str], not_there: list[str]
) -> None:
    notes = notes_of(render, tmp_path, values)
    assert "helm test release -n dra" in notes
    for part in there:
        assert part in notes
    for part in not_there:
        assert part not in notes


def test_the_page_is_opened_as_the_documentation_says(render: Render, tmp_path: Path) -> None:
    page = (CHART.parents[1] / "docs" / "install.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (opening,) = (block for block in blocks if "port-forward" in block)
    # The page's release is called otherwise, and is in another namespace.
    here = opening.replace("kube-system", "dra").replace("dra:dra-extender:", "dra:release-dra-extender:")
    here = here.replace("service/dra-extender", "service/release-dra-extender")
    notes = notes_of(render, tmp_path, {})
    for line in here.splitlines():
        assert f"  {line}\n" in notes
    (role,) = re.findall(r"--clusterrole=(\S+)", here)
    assert role in {item["metadata"]["name"] for item in of_kind(render({}), "ClusterRole")}


def test_notes_say_where_claims_cannot_be_protected_on_creation(render: Render, tmp_path: Path) -> None:
    assert "claimProtection.enabled has no effect before Kubernetes 1.36" in notes_of(
        render, tmp_path, PROTECTING, kubernetes="1.35.0"
    )


def test_every_value_says_what_it_is() -> None:
    told, covered = "", 99  # what is indented deeper than `covered` is part of a value that is described
    for line in (CHART / "values.yaml").read_text().splitlines():
        text = line.strip()
        depth = len(line) - len(line.lstrip())
        if text.startswith("#"):
            told += text
            continue
        if text and depth <= covered:
            described = "# -- " in told
            assert described or text.endswith(":"), line
            covered = depth if described else 99
        told = ""


def test_the_schema_knows_the_values_and_no_others() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    def compare(values: dict[str, Any], part: dict[str, Any], path: str) -> None:
        if "$ref" in part:
            part = schema["$defs"][part["$ref"].rpartition("/")[2]]
        if part.get("additionalProperties") is not False:
            return
        known = set(part["properties"]) - ({"global"} if not path else {"claims"})
        assert set(values) == known, path
        for name, value in values.items():
            if isinstance(value, dict):
                compare(value, part["properties"][name], f"{path}.{name}")

    compare(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "")
