"""The rendered manifests hold together, whatever the values."""

import json
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
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding"}

Render = Callable[..., list[JsonObject]]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=VALUE_SETS.values(), ids=VALUE_SETS.keys())
def manifests(request: pytest.FixtureRequest, render: Render) -> list[JsonObject]:
    return render(request.param)


def of_kind(manifests: list[JsonObject], kind: str) -> list[JsonObject]:
    return [item for item in manifests if item["kind"] == kind]


def service(manifests: list[JsonObject]) -> JsonObject:
    """The one in front of the Pods; the leader's has no selector."""
    (item,) = (item for item in of_kind(manifests, "Service") if "selector" in item["spec"])
    return item


def only(manifests: list[JsonObject], kind: str) -> JsonObject:
    (item,) = of_kind(manifests, kind)
    return item


def deployed(manifests: list[JsonObject]) -> JsonObject:
    """The Pod template of the Deployment."""
    template: JsonObject = only(manifests, "Deployment")["spec"]["template"]
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
        assert labels["app.kubernetes.io/component"] == ("test" if item["kind"] == "Pod" else "extender")
        assert all(len(value) <= 63 for value in labels.values())
        if item["kind"] not in CLUSTER_WIDE:
            assert item["metadata"]["namespace"] in ("dra", "kube-system")
            assert len(item["metadata"]["name"]) <= 63 or item["kind"] == "RoleBinding"


def test_containers_run_with_the_least_rights(manifests: list[JsonObject]) -> None:
    pods = [deployed(manifests), only(manifests, "Pod")]
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
    assert pods[1]["spec"]["automountServiceAccountToken"] is False


def test_selectors_find_the_pods_and_not_the_test(manifests: list[JsonObject]) -> None:
    selectors = [
        only(manifests, "Deployment")["spec"]["selector"]["matchLabels"],
        service(manifests)["spec"]["selector"],
        *(item["spec"]["selector"]["matchLabels"] for item in of_kind(manifests, "PodDisruptionBudget")),
        *(item["spec"]["podSelector"]["matchLabels"] for item in of_kind(manifests, "NetworkPolicy")),
    ]
    for selector in selectors:
        assert matches(selector, deployed(manifests)["metadata"]["labels"])
        assert not matches(selector, only(manifests, "Pod")["metadata"]["labels"])


def test_ports_and_probes_name_ports_that_are_there(manifests: list[JsonObject]) -> None:
    pod = deployed(manifests)
    # The kubelet alone needs the port of the liveness probe, and no rule to reach it.
    ports = {port["name"] for item in containers(pod) for port in item["ports"]} - {"probe"}
    assert {port["targetPort"] for port in service(manifests)["spec"]["ports"]} == ports
    for policy in of_kind(manifests, "NetworkPolicy"):
        assert {port["port"] for port in policy["spec"]["ingress"][0]["ports"]} == ports
    for item in containers(pod):
        own = {port["name"] for port in item["ports"]}
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            assert item[probe]["httpGet"]["port"] in own
        assert item["livenessProbe"]["httpGet"]["path"] == "/livez"
        # Followers are ready too: rollouts and drains wait for it.
        assert item["readinessProbe"]["httpGet"]["path"] in {"/readyz", "/readyz?exclude=leader"}


def test_volumes_and_accounts_are_there(manifests: list[JsonObject]) -> None:
    spec = deployed(manifests)["spec"]
    volumes = {volume["name"] for volume in spec["volumes"]}
    for item in containers({"spec": spec}):
        assert {mount["name"] for mount in item["volumeMounts"]} <= volumes
    rendered = {item["metadata"]["name"] for item in of_kind(manifests, "ConfigMap")}
    named = {
        volume["configMap"]["name"]
        for volume in spec["volumes"]
        if "configMap" in volume and not volume["configMap"].get("optional")
    }
    assert named <= rendered
    # The rest is for others to read: Grafana, and a kube-scheduler of the user's own.
    assert {
        name.removeprefix(f"{only(manifests, 'Deployment')['metadata']['name']}-") for name in rendered
    } <= {
        "scheduler",
        "dashboard",
    }
    accounts = {item["metadata"]["name"] for item in of_kind(manifests, "ServiceAccount")}
    assert spec["serviceAccountName"] in accounts or (not accounts and spec["serviceAccountName"] == "mine")


def test_bindings_give_roles_that_are_there_to_the_account(manifests: list[JsonObject]) -> None:
    account = deployed(manifests)["spec"]["serviceAccountName"]
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
            assert item["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "dra"}]


def test_the_extender_has_the_rights_of_the_file_and_no_others(render: Render) -> None:
    rules = yaml.safe_load((CHART / "files" / "clusterrole.yaml").read_text())["rules"]
    alone = render({"scheduler": {"enabled": False}})
    assert only(alone, "ClusterRole")["rules"] == rules
    assert (
        only(alone, "ClusterRoleBinding")["roleRef"]["name"] == only(alone, "ClusterRole")["metadata"]["name"]
    )
    own = of_kind(alone, "Role") + of_kind(alone, "RoleBinding")
    assert {item["metadata"]["name"] for item in own} == {"release-dra-extender-leader"}
    assert only(render({}), "ClusterRole")["rules"] == rules


def test_only_an_extender_that_is_told_to_evict_may_do_so(render: Render) -> None:
    more = yaml.safe_load((CHART / "files" / "preemption-rules.yaml").read_text())
    usual, evicting = render({}), render(VALUE_SETS["evicting"])
    rules, extended = only(usual, "ClusterRole")["rules"], only(evicting, "ClusterRole")["rules"]
    assert [rule for rule in extended if rule not in rules] == more
    assert not any("pods/eviction" in rule["resources"] for rule in rules)
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
    assert extender["urlPrefix"] == f"http://127.0.0.1:{port}/scheduler"


def test_the_configuration_is_that_of_the_example(render: Render) -> None:
    example = yaml.safe_load((REPOSITORY / "examples" / "kube-scheduler.yaml").read_text())
    configuration = scheduler_configuration(render({}))
    for name in ("apiVersion", "kind", "percentageOfNodesToScore", "profiles"):
        assert configuration[name] == example[name]
    (given,), (expected,) = configuration["extenders"], example["extenders"]
    assert {name: value for name, value in expected.items() if value != []} == given


def test_the_lease_has_a_name_of_its_own_and_the_right_to_it(manifests: list[JsonObject]) -> None:
    for item in of_kind(manifests, "Role"):
        if item["metadata"]["name"].endswith("-leader"):
            continue  # the extender's, see below
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
    for item in extender.get("env", []):
        monkeypatch.setenv(item["name"], item.get("value", "10.0.0.1"))
    arguments = [text for text in extender["args"] if not text.startswith("--config=")]

    assert run(arguments) == 0
    assert started[0].leader_elect


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
    (leader,) = (item for item in of_kind(manifests, "Service") if "selector" not in item["spec"])
    environment = {item["name"]: item for item in container(deployed(manifests), "extender")["env"]}
    assert environment["DRA_LEADER_ELECT_SERVICE"]["value"] == leader["metadata"]["name"]
    field = environment["DRA_LEADER_ELECT_ADDRESS"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert field == "status.podIP"


def test_the_extender_alone_brings_the_configuration_for_the_clusters_own_scheduler(render: Render) -> None:
    alone: dict[str, Any] = {"scheduler": {"enabled": False}, "service": {"port": 80}}
    configuration = scheduler_configuration(render(alone))
    assert configuration["profiles"][0]["schedulerName"] == "default-scheduler"
    assert "leaderElection" not in configuration
    (extender,) = configuration["extenders"]
    assert extender["urlPrefix"] == "http://release-dra-extender-leader.dra.svc:80/scheduler"
    (own,) = scheduler_configuration(render({}))["extenders"]
    assert {**extender, "urlPrefix": own["urlPrefix"]} == own
    secured = scheduler_configuration(render({**alone, "tls": {"secretName": "s", "mutual": True}}))
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
    "tokens-in-the-clear": ({"auth": {"mode": "token"}}, "auth.mode token needs tls"),
    "certificates-of-nobody": ({"auth": {"mode": "mtls"}, "tls": {"secretName": "s"}}, "needs tls.mutual"),
    "mutual-without-tls": ({"tls": {"mutual": True}}, "tls.mutual needs tls.secretName"),
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
    "label-that-is-no-text": ({"podLabels": {"a": 1}}, "podLabels"),
}


@pytest.mark.parametrize(("values", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_values_are_refused_by_name(run_helm: Run, values: dict[str, Any], named: str) -> None:
    done = run_helm("template", "release", CHART, values=values)
    assert done.returncode != 0
    assert named in done.stderr


def test_a_kubernetes_without_the_api_is_refused(run_helm: Run) -> None:
    done = run_helm("template", "release", CHART, values={}, kubernetes="1.33.9")
    assert done.returncode != 0
    assert "incompatible with Kubernetes v1.33.9" in done.stderr


NOTES = {
    "second-scheduler": ({}, ["schedulerName: dra-scheduler", "kube-scheduler:v1.37.2"], ["bindVerb"]),
    "alone": (
        {"scheduler": {"enabled": False}},
        [
            "get configmap release-dra-extender-scheduler",
            "ingressFrom is empty",
        ],
        ["schedulerName: dra-scheduler"],
    ),
    "alone-and-open": (
        {"scheduler": {"enabled": False}, "networkPolicy": {"enabled": False}},
        ["get configmap release-dra-extender-scheduler"],
        ["ingressFrom is empty"],
    ),
}


@pytest.mark.parametrize(("values", "there", "not_there"), NOTES.values(), ids=NOTES.keys())
def test_notes_say_what_to_do_next(
    render: Render, tmp_path: Path, values: dict[str, Any], there: list[str], not_there: list[str]
) -> None:
    # Helm prints notes only for a release in a cluster, so they are rendered as an object of a copy here.
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    text = (chart / "templates" / "NOTES.txt").read_text()
    (chart / "templates" / "notes.yaml").write_text(
        '{{- define "notes" -}}\n'
        + text
        + '{{- end -}}\nkind: Notes\ntext: {{ include "notes" . | toJson }}\n'
    )
    notes = only(render(values, chart=chart), "Notes")["text"]
    assert "helm test release -n dra" in notes
    for part in there:
        assert part in notes
    for part in not_there:
        assert part not in notes


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
