"""Workloads: how many Pods, and which."""

from typing import Any

import pytest

from app.core.model.errors import ObjectError
from app.core.model.parse import is_read, is_to_be_placed, parse
from app.core.model.pod import Pod
from app.core.model.pod_templates import MAX_SEARCHED, pod_spec_paths
from app.core.model.workload import Workload

TEMPLATE = {
    "metadata": {"labels": {"app": "cats"}, "annotations": {"a": "b"}},
    "spec": {
        "nodeSelector": {"zone": "a"},
        "priority": 3,
        "schedulerName": "dra-scheduler",
        "tolerations": [{"operator": "Exists"}],
        "containers": [{"resources": {"requests": {"cpu": "1"}}}],
        "resourceClaims": [{"name": "cat", "resourceClaimTemplateName": "cats"}],
    },
}


def workload(kind: str, name: dict[str, str] | None = None, **spec: Any) -> Workload:
    group = "batch" if kind.endswith("Job") else "apps"
    inner = {"template": TEMPLATE} | spec
    result = parse(
        {
            "apiVersion": f"{group}/v1",
            "kind": kind,
            "metadata": name or {"name": "w", "namespace": "team"},
            "spec": {"jobTemplate": {"spec": inner}} if kind == "CronJob" else inner,
        }
    )
    assert isinstance(result, Workload)
    return result


REPLICAS = {
    "job-parallelism-is-smaller": ("Job", {"parallelism": 2, "completions": 10}, 2),
    "job-completions-is-smaller": ("Job", {"parallelism": 5, "completions": 3}, 3),
    "job-without-completions": ("Job", {"parallelism": 4}, 4),
    "job-without-parallelism": ("Job", {"completions": 4}, 1),
    "job-with-neither": ("Job", {}, 1),
    "job-suspended-by-parallelism": ("Job", {"parallelism": 0, "completions": 4}, 0),
    "job-with-null": ("Job", {"parallelism": 3, "completions": None}, 3),
    "cron-job": ("CronJob", {"parallelism": 2, "completions": 10}, 2),
    "cron-job-default": ("CronJob", {}, 1),
    "deployment": ("Deployment", {"replicas": 3}, 3),
    "deployment-default": ("Deployment", {}, 1),
    "deployment-scaled-to-nothing": ("Deployment", {"replicas": 0}, 0),
    "replica-set": ("ReplicaSet", {"replicas": 2}, 2),
    "stateful-set": ("StatefulSet", {"replicas": 2}, 2),
    "daemon-set-is-one-a-node": ("DaemonSet", {}, None),
    "daemon-set-has-no-replicas": ("DaemonSet", {"replicas": 7}, None),
}


@pytest.mark.parametrize(("kind", "spec", "replicas"), REPLICAS.values(), ids=REPLICAS)
def test_replicas(kind: str, spec: dict[str, Any], replicas: int | None) -> None:
    assert workload(kind, **spec).replicas == replicas


NEGATIVE = {
    "deployment": ("Deployment", "replicas", "spec.replicas"),
    "job-parallelism": ("Job", "parallelism", "spec.parallelism"),
    "job-completions": ("Job", "completions", "spec.completions"),
    "cron-job": ("CronJob", "parallelism", "spec.jobTemplate.spec.parallelism"),
}


@pytest.mark.parametrize(("kind", "name", "path"), NEGATIVE.values(), ids=NEGATIVE)
def test_negative_numbers_are_refused(kind: str, name: str, path: str) -> None:
    with pytest.raises(ObjectError, match="must not be negative") as caught:
        workload(kind, **{name: -1})
    assert caught.value.path == path


@pytest.mark.parametrize("kind", ["Job", "CronJob", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"])
def test_pods_are_made_from_the_template(kind: str) -> None:
    pods = list(workload(kind).pods(2, 2))
    assert [pod.meta.key for pod in pods] == [("team", "w-0"), ("team", "w-1")]
    for pod in pods:
        assert pod.meta.labels == {"app": "cats"}
        assert pod.meta.annotations == {"a": "b"}
        assert pod.node_selector == {"zone": "a"}
        assert (pod.priority, pod.scheduler_name) == (3, "dra-scheduler")
        assert [claim.template_name for claim in pod.claims] == ["cats"]
        assert str(pod.requests["cpu"]) == "1"
        assert pod.tolerations[0].operator == "Exists"
        assert (pod.node_name, pod.phase) == ("", "")


def test_a_workload_named_by_the_api_server_gives_pods_a_name() -> None:
    pods = list(workload("Job", {"generateName": "train-"}).pods(4))
    assert [pod.meta.key for pod in pods] == [("default", "train-0")]


def test_no_pods() -> None:
    assert list(workload("Job").pods(4, 0)) == []
    assert list(workload("DaemonSet").pods(0)) == []


def test_a_pod_from_a_template_is_the_pod_that_its_spec_says() -> None:
    """Whatever a Pod may have: a field that is lost on the way makes another verdict."""
    spec = {
        "nodeName": "n",
        "schedulerName": "s",
        "priority": 7,
        "preemptionPolicy": "Never",
        "nodeSelector": {"zone": "a"},
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]
                },
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 5, "preference": {"matchExpressions": [{"key": "zone", "operator": "Exists"}]}}
                ],
            },
            "podAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 5, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {}}}
                ]
            },
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "nodeTaintsPolicy": "Honor",
                "labelSelector": {},
            }
        ],
        "tolerations": [{"operator": "Exists"}],
        "schedulingGates": [{"name": "wait"}],
        "schedulingGroup": {"podGroupName": "g"},
        "overhead": {"cpu": "1"},
        "resources": {"requests": {"cpu": "2"}},
        "containers": [
            {"name": "c", "resources": {"limits": {"example.com/gpu": 2}, "claims": [{"name": "cat"}]}}
        ],
        "resourceClaims": [{"name": "cat", "resourceClaimName": "shared"}],
    }
    alone = parse({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "w-0"}, "spec": spec})
    job = parse(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "w"},
            "spec": {"template": {"spec": spec}},
        }
    )
    assert isinstance(job, Workload)

    assert list(job.pods(1)) == [alone]
    assert isinstance(alone, Pod)
    empty = Pod(alone.meta)
    unset = {name for name in Pod.__dataclass_fields__ if getattr(alone, name) == getattr(empty, name)}
    # All that a spec can give is given above; these come from a Pod's metadata and status, or a request.
    given_by_status = {"phase", "claim_statuses", "extended_claim", "started", "refusal", "nominated_node"}
    given_by_status |= {"amounts"}
    assert unset == {"meta", "generation", "only_on"} | given_by_status


def pod(*claims: str, **more: Any) -> dict[str, Any]:
    """A Pod spec that asks for claims from the templates of these names."""
    named = [{"name": name, "resourceClaimTemplateName": name} for name in claims]
    return {"containers": [{"name": "c", "image": "i"}], "resourceClaims": named} | more


def template(*claims: str, **more: Any) -> dict[str, Any]:
    return {"spec": pod(*claims, **more)}


def read(api_version: str, kind: str, spec: Any, **more: Any) -> Workload:
    raw = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "w"}, "spec": spec} | more
    result = parse(raw)
    assert isinstance(result, Workload)
    return result


def groups(item: Workload) -> dict[str, int | None]:
    return {entry.name: entry.replicas for entry in item.sets}


def kubeflow(name: str) -> dict[str, Any]:
    return {
        name: {"Master": {"template": template("g")}, "Worker": {"replicas": 3, "template": template("g")}}
    }


def job(**spec: Any) -> dict[str, Any]:
    return {"template": {"spec": {"template": template("g")} | spec}}


LEADERS = {"size": 4, "leaderTemplate": template("g"), "workerTemplate": template("g")}
RAY = {
    "headGroupSpec": {"template": template()},
    "workerGroupSpecs": [
        {"groupName": "GPU_Small", "replicas": 2, "numOfHosts": 2, "template": template("g")},
        {"groupName": "spot", "minReplicas": 1, "maxReplicas": 9, "template": template("g")},
        {"replicas": 9, "maxReplicas": 3, "template": template("g")},
    ],
}
RAY_SETS = {"head": 1, "gpu-small": 4, "spot": 1, "2": 3}
MACHINE = {"domain": {"devices": {}}, "resourceClaims": [{"name": "g", "resourceClaimTemplateName": "g"}]}
KNOWN: dict[str, tuple[str, str, Any, dict[str, int | None]]] = {
    "replication controller": (
        "v1",
        "ReplicationController",
        {"replicas": 2, "template": template("g")},
        {"": 2},
    ),
    "job set": (
        "jobset.x-k8s.io/v1alpha2",
        "JobSet",
        {
            "replicatedJobs": [
                {"name": "driver", **job()},
                {"name": "workers", "replicas": 2, **job(parallelism=4, completions=4)},
            ]
        },
        {"driver": 1, "workers": 8},
    ),
    "leader and workers of one template": (
        "leaderworkerset.x-k8s.io/v1",
        "LeaderWorkerSet",
        {"replicas": 3, "leaderWorkerTemplate": {"size": 4, "workerTemplate": template("g")}},
        {"worker": 12},
    ),
    "leader and workers of two": (
        "leaderworkerset.x-k8s.io/v1",
        "LeaderWorkerSet",
        {"replicas": 3, "leaderWorkerTemplate": LEADERS},
        {"leader": 3, "worker": 9},
    ),
    **{
        kind: (f"kubeflow.org/{version}", kind, kubeflow(field), {"master": 1, "worker": 3})
        for kind, version, field in (
            ("MPIJob", "v2beta1", "mpiReplicaSpecs"),
            ("PyTorchJob", "v1", "pytorchReplicaSpecs"),
            ("TFJob", "v1", "tfReplicaSpecs"),
            ("XGBoostJob", "v1", "xgbReplicaSpecs"),
            ("PaddleJob", "v1", "paddleReplicaSpecs"),
            ("JAXJob", "v1", "jaxReplicaSpecs"),
        )
    },
    "notebook": ("kubeflow.org/v1", "Notebook", {"template": template("g")}, {"": 1}),
    **{
        kind: (
            "trainer.kubeflow.org/v1alpha1",
            kind,
            {
                "template": {
                    "spec": {"replicatedJobs": [{"name": "node", **job(parallelism=2, completions=2)}]}
                }
            },
            {"node": 2},
        )
        for kind in ("TrainingRuntime", "ClusterTrainingRuntime")
    },
    "graph of services": (
        "nvidia.com/v1alpha1",
        "DynamoGraphDeployment",
        {"services": {"Frontend": {"extraPodSpec": {}}, "Decode": {"replicas": 2, "extraPodSpec": pod("g")}}},
        {"frontend": 1, "decode": 2},
    ),
    "cliques": (
        "grove.io/v1alpha1",
        "PodCliqueSet",
        {
            "replicas": 2,
            "template": {"cliques": [{"name": "prefill", "spec": {"replicas": 3, "podSpec": pod("g")}}]},
        },
        {"prefill": 6},
    ),
    "cliques of a scaling group": (
        "grove.io/v1alpha1",
        "PodCliqueSet",
        {
            "replicas": 2,
            "template": {
                "cliques": [
                    {"name": "router", "spec": {"podSpec": pod()}},
                    {"name": "decode", "spec": {"replicas": 3, "podSpec": pod("g")}},
                    {"name": "prefill", "spec": {"podSpec": pod("g")}},
                ],
                "podCliqueScalingGroups": [
                    {"name": "d", "cliqueNames": ["decode"], "replicas": 4},
                    {"name": "p", "cliqueNames": ["prefill"]},
                ],
            },
        },
        {"router": 2, "decode": 24, "prefill": 2},
    ),
    "clique": ("grove.io/v1alpha1", "PodClique", {"replicas": 3, "podSpec": pod("g")}, {"": 3}),
    "runner deployment": (
        "actions.summerwind.dev/v1alpha1",
        "RunnerDeployment",
        {"replicas": 2, "template": template("g")},
        {"": 2},
    ),
    "ray cluster": ("ray.io/v1", "RayCluster", RAY, RAY_SETS),
    "ray job": ("ray.io/v1", "RayJob", {"rayClusterSpec": RAY}, RAY_SETS),
    "ray job with a submitter": (
        "ray.io/v1",
        "RayJob",
        {"rayClusterSpec": RAY, "submitterPodTemplate": template()},
        {**RAY_SETS, "submitter": 1},
    ),
    "ray service": ("ray.io/v1", "RayService", {"rayClusterConfig": RAY}, RAY_SETS),
    "kueue workload": (
        "kueue.x-k8s.io/v1beta1",
        "Workload",
        {"podSets": [{"name": "main", "count": 5, "template": template("g")}]},
        {"main": 5},
    ),
    "rollout": ("argoproj.io/v1alpha1", "Rollout", {"replicas": 2, "template": template("g")}, {"": 2}),
    "virtual machine": (
        "kubevirt.io/v1",
        "VirtualMachine",
        {"runStrategy": "Always", "template": {"spec": MACHINE}},
        {"": 1},
    ),
    "virtual machine instance": ("kubevirt.io/v1", "VirtualMachineInstance", MACHINE, {"": 1}),
    "virtual machines": (
        "kubevirt.io/v1",
        "VirtualMachineInstanceReplicaSet",
        {"replicas": 2, "template": {"spec": MACHINE}},
        {"": 2},
    ),
    "pool of virtual machines": (
        "pool.kubevirt.io/v1beta1",
        "VirtualMachinePool",
        {"replicas": 2, "virtualMachineTemplate": {"spec": {"template": {"spec": MACHINE}}}},
        {"": 2},
    ),
    "runners that scale": (
        "actions.github.com/v1alpha1",
        "AutoscalingRunnerSet",
        {"maxRunners": 9, "template": template("g")},
        {"": 1},
    ),
    "runners of which some always run": (
        "actions.github.com/v1alpha1",
        "AutoscalingRunnerSet",
        {"minRunners": 2, "template": template("g")},
        {"": 2},
    ),
    "ephemeral runners": (
        "actions.github.com/v1alpha1",
        "EphemeralRunnerSet",
        {"replicas": 2, "ephemeralRunnerSpec": template("g")},
        {"": 2},
    ),
    "job of another group": (
        "batch.volcano.sh/v1alpha1",
        "Job",
        {
            "tasks": [
                {"name": "ps", "template": template()},
                {"name": "w", "replicas": 4, "template": template("g")},
            ]
        },
        {"ps": 1, "w": 4},
    ),
    "cron job of another group": (
        "batch.volcano.sh/v1alpha1",
        "CronJob",
        {"jobTemplate": {"spec": {"tasks": [{"name": "w", "replicas": 3, "template": template("g")}]}}},
        {"w": 3},
    ),
    "daemon set of another group": (
        "apps.kruise.io/v1alpha1",
        "DaemonSet",
        {"template": template("g")},
        {"": None},
    ),
    "spark": (
        "sparkoperator.k8s.io/v1beta2",
        "SparkApplication",
        {"driver": {"template": template()}, "executor": {"instances": 3, "template": template("g")}},
        {"driver": 1, "executor": 3},
    ),
    "spark by a schedule": (
        "sparkoperator.k8s.io/v1beta2",
        "ScheduledSparkApplication",
        {
            "template": {
                "driver": {"template": template()},
                "executor": {"instances": 3, "template": template("g")},
            }
        },
        {"driver": 1, "executor": 3},
    ),
    "service of a model": (
        "apps.nvidia.com/v1alpha1",
        "NIMService",
        {"replicas": 2, "draResources": [{"resourceClaimTemplateName": "g"}]},
        {"": 2},
    ),
    "nodes of Slurm": (
        "slinky.slurm.net/v1beta1",
        "NodeSet",
        {"replicas": 2, "slurmd": {"image": "s"}, "template": template("g")},
        {"": 2},
    ),
    "logins of Slurm": (
        "slinky.slurm.net/v1beta1",
        "LoginSet",
        {"replicas": 2, "template": template("g")},
        {"": 2},
    ),
}


@pytest.mark.parametrize(("version", "kind", "spec", "sets"), KNOWN.values(), ids=KNOWN)
def test_kinds_that_are_known_know_their_replicas(
    version: str, kind: str, spec: Any, sets: dict[str, int | None]
) -> None:
    found = read(version, kind, spec)

    assert groups(found) == sets
    assert found.guesses == ()
    assert all(claim.template_name == "g" for item in found.sets for claim in item.template.claims)


WORKFLOW = {
    "entrypoint": "all",
    "resourceClaims": [{"name": "c", "resourceClaimTemplateName": "of-all"}],
    "nodeSelector": {"zone": "a"},
    "templates": [
        {"name": "all", "steps": [[{"name": "s", "template": "plain"}]]},
        {"name": "plain", "container": {"resources": {"limits": {"example.com/gpu": 1}}}},
        {
            "name": "own",
            "metadata": {"labels": {"step": "own"}},
            "nodeSelector": {"zone": "b"},
            "resourceClaims": [{"name": "c", "resourceClaimTemplateName": "of-one"}],
            "script": {"image": "python", "source": "print()"},
        },
        {"name": "pair", "containerSet": {"containers": [{"name": "a"}, {"name": "b"}]}},
    ],
}


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Workflow", WORKFLOW),
        ("WorkflowTemplate", WORKFLOW),
        ("ClusterWorkflowTemplate", WORKFLOW),
        ("CronWorkflow", {"schedules": ["@daily"], "workflowSpec": WORKFLOW}),
    ],
)
def test_a_step_of_a_workflow_has_what_the_workflow_says_unless_it_says_otherwise(
    kind: str, spec: Any
) -> None:
    found = read("argoproj.io/v1alpha1", kind, spec)

    assert groups(found) == {"plain": 1, "own": 1, "pair": 1}
    pods = {item.name: item.template for item in found.sets}
    assert {name: made.claims[0].template_name for name, made in pods.items()} == {
        "plain": "of-all",
        "own": "of-one",
        "pair": "of-all",
    }
    assert [item.resource for item in pods["plain"].extended] == ["example.com/gpu"]
    assert (pods["plain"].node_selector, pods["own"].node_selector) == ({"zone": "a"}, {"zone": "b"})
    assert pods["own"].meta.labels == {"step": "own"}
    assert len(found.guesses) == 1
    assert "its steps may run a template several times" in found.guesses[0]


def test_the_daemon_of_a_slurm_node_is_a_container_of_its_pod() -> None:
    slurmd = {"resources": {"limits": {"example.com/gpu": 4}}}
    found = read(
        "slinky.slurm.net/v1beta1", "NodeSet", {"slurmd": slurmd, "template": {"spec": {"nodeSelector": {}}}}
    )

    assert [(item.resource, item.count) for item in found.sets[0].template.extended] == [
        ("example.com/gpu", 4)
    ]


def test_a_service_of_a_graph_has_its_gpus_beside_the_pod_spec() -> None:
    service = {
        "replicas": 2,
        "multinode": {"nodeCount": 3},
        "resources": {"requests": {"cpu": "2"}, "limits": {"gpu": "4"}},
        "extraPodSpec": {"mainContainer": {"image": "i"}},
    }
    other = {"resources": {"limits": {"gpu": 1, "gpuType": "gpu.intel.com/xe"}}, "extraPodSpec": {}}
    found = read("nvidia.com/v1alpha1", "DynamoGraphDeployment", {"services": {"A": service, "B": other}})

    assert groups(found) == {"a": 6, "b": 1}
    asked = {item.name: item.template.extended for item in found.sets}
    assert [(item.resource, item.count) for item in asked["a"]] == [("nvidia.com/gpu", 4)]
    assert [(item.resource, item.count) for item in asked["b"]] == [("gpu.intel.com/xe", 1)]
    assert str(found.sets[0].template.requests["cpu"]) == "2"


def test_an_executor_has_its_gpus_beside_its_template() -> None:
    executor = {"instances": 2, "gpu": {"name": "nvidia.com/gpu", "quantity": 3}, "template": template()}
    found = read(
        "sparkoperator.k8s.io/v1beta2",
        "SparkApplication",
        {"driver": {"template": template()}, "executor": executor},
    )

    asked = {item.name: [(it.resource, it.count) for it in item.template.extended] for item in found.sets}
    assert asked == {"driver": [], "executor": [("nvidia.com/gpu", 3)]}


def test_a_device_of_a_machine_that_has_a_name_is_an_extended_resource() -> None:
    devices = {
        "gpus": [{"name": "a", "deviceName": "nvidia.com/TU104GL"}, {"name": "b", "claimName": "g"}],
        "hostDevices": [{"name": "c", "deviceName": "nvidia.com/TU104GL"}],
    }
    spec = {"domain": {"devices": devices, "resources": {"requests": {"memory": "8Gi"}}}}
    [found] = read("kubevirt.io/v1", "VirtualMachineInstance", spec | {"resourceClaims": []}).sets

    assert [(item.resource, item.count) for item in found.template.extended] == [("nvidia.com/TU104GL", 2)]
    assert found.template.requests["memory"].nanos == 8 * 2**30 * 10**9


ADDED = {
    "templates of a set of cliques": (
        "grove.io/v1alpha1",
        "PodCliqueSet",
        {
            "template": {
                "resourceClaimTemplates": [
                    {"templateSpec": {"spec": {"devices": {"requests": [{"deviceClassName": "gpu"}]}}}}
                ],
                "cliques": [{"name": "a", "spec": {"podSpec": pod("g")}}],
            }
        },
        "spec.template.resourceClaimTemplates",
    ),
    "objects that a step creates": (
        "argoproj.io/v1alpha1",
        "Workflow",
        {
            "templates": [
                {"name": "a", "container": {"image": "a"}},
                {"name": "b", "resource": {"action": "create", "manifest": "kind: Job"}},
            ]
        },
        "spec.templates[1].resource",
    ),
    "claims that an operator specifies": (
        "apps.nvidia.com/v1alpha1",
        "NIMService",
        {"draResources": [{"claimCreationSpec": {"devices": [{"name": "gpu"}]}}]},
        "spec.draResources",
    ),
}


@pytest.mark.parametrize(("version", "kind", "spec", "where"), ADDED.values(), ids=ADDED)
def test_devices_and_pods_beside_those_of_the_templates_are_named(
    version: str, kind: str, spec: Any, where: str
) -> None:
    found = read(version, kind, spec)

    assert where in found.uncounted
    assert found.guesses[-1] == f"{kind} default/w: {found.uncounted}"


def test_requests_in_a_pod_spec_are_not_those_of_a_controller() -> None:
    spec = {"template": {"spec": {"containers": [{"name": "c", "env": [{"deviceClassName": "gpu"}]}]}}}

    assert read("ml.example.com/v1", "Training", spec).uncounted == ""


def test_a_pod_template_of_the_core_group_stands_beside_no_spec() -> None:
    raw = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "w"}, "template": template("g")}
    found = parse(raw)

    assert isinstance(found, Workload)
    assert [(item.template.claims[0].name, item.guessed) for item in found.sets] == [("g", False)]


SHAPES: dict[str, tuple[Any, dict[str, int | None]]] = {
    "a template": ({"replicas": 5, "template": template("g")}, {"": 1}),
    "a Pod spec without a template": ({"predictor": pod("g", model="llama")}, {"": 1}),
    "claims without containers": (
        {"extraPodSpec": {"resourceClaims": [{"name": "g", "resourceClaimName": "g"}]}},
        {"": 1},
    ),
    "several, by key": (
        {"services": {"Frontend": {"podTemplate": template()}, "Decode": {"podTemplate": template("g")}}},
        {"frontend": 1, "decode": 1},
    ),
    "several, by name": (
        {"roles": [{"name": "a", "template": template()}, {"name": "b", "template": template("g")}]},
        {"a": 1, "b": 1},
    ),
    "several of one name": (
        {"roles": [{"name": "a", "template": template()}, {"name": "a", "template": template("g")}]},
        {"a": 1, "a-1": 1},
    ),
}


@pytest.mark.parametrize(("spec", "sets"), SHAPES.values(), ids=SHAPES)
def test_templates_of_unknown_kinds_are_found_by_their_shape(spec: Any, sets: dict[str, int | None]) -> None:
    found = read("ml.example.com/v1", "Training", spec)

    assert groups(found) == sets
    assert len(found.guesses) == len(sets)
    assert "unknown kind" in found.guesses[0]


def test_a_known_workload_in_another_object_keeps_its_numbers() -> None:
    inner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"parallelism": 3, "completions": 3, "template": template("g")},
    }
    found = read("workload.example.dev/v1", "AppWrapper", {"components": [{"template": inner}]})

    assert [(item.replicas, item.guessed) for item in found.sets] == [(3, False)]


NO_TEMPLATE = {
    "names of containers": {"containers": ["a", "b"]},
    "a schema": {"properties": {"containers": {"type": "array"}}},
    "claims of a group of Pods": {"resourceClaims": []},
    "nothing": {},
    "a text": "spec",
}
POD_GROUP = {"resourceClaims": [{"name": "g", "resourceClaimTemplateName": "g"}]}


@pytest.mark.parametrize("spec", NO_TEMPLATE.values(), ids=NO_TEMPLATE)
def test_what_has_no_template_makes_no_pods(spec: Any) -> None:
    raw = {"apiVersion": "ml.example.com/v1", "kind": "Training", "metadata": {"name": "w"}, "spec": spec}

    assert not is_read(raw)
    with pytest.raises(ObjectError, match="Training is an unknown kind"):
        parse(raw)


PATCHES: dict[str, tuple[dict[str, Any], str]] = {
    "defaults of all templates": ({"templateDefaults": {"container": {"resources": {}}}}, "templateDefaults"),
    "a patch of all Pods": ({"podSpecPatch": "nodeName: n1"}, "podSpecPatch"),
}


@pytest.mark.parametrize(("fields", "name"), PATCHES.values(), ids=PATCHES)
@pytest.mark.parametrize("kind", ["Workflow", "CronWorkflow"])
def test_a_workflow_that_changes_its_pods_elsewhere_says_so(
    kind: str, fields: dict[str, Any], name: str
) -> None:
    spec = {"templates": [{"name": "t", "container": {"image": "i"}}]} | fields
    above = "spec.workflowSpec" if kind == "CronWorkflow" else "spec"
    found = read("argoproj.io/v1alpha1", kind, {"workflowSpec": spec} if kind == "CronWorkflow" else spec)

    assert found.uncounted == f"its Pods are planned without the changes of {above}.{name}"


def test_a_patch_of_one_template_is_named() -> None:
    step = {"name": "t", "container": {"image": "i"}, "podSpecPatch": "{}"}
    found = read("argoproj.io/v1alpha1", "Workflow", {"templates": [step]})

    assert found.uncounted.endswith("spec.templates[0].podSpecPatch")


def inference(**components: Any) -> Workload:
    return read("serving.kserve.io/v1beta1", "InferenceService", components)


def test_an_inference_service_has_its_container_under_model() -> None:
    gpus = {"limits": {"nvidia.com/gpu": 4, "cpu": 8}, "claims": [{"name": "gpu"}]}
    claims = [{"name": "gpu", "resourceClaimTemplateName": "one"}]
    found = inference(predictor={"model": {"name": "", "resources": gpus}, "resourceClaims": claims})

    (only,) = found.sets
    assert (only.name, only.replicas, only.guessed) == ("predictor", 1, False)
    assert [(item.resource, item.count) for item in only.template.extended] == [("nvidia.com/gpu", 4)]
    assert [item.template_name for item in only.template.claims] == ["one"]
    assert only.template.requests["cpu"].nanos == 8 * 10**9


def test_an_inference_service_has_a_set_for_each_component() -> None:
    container = {"containers": [{"name": "c"}]}
    found = inference(
        predictor=container | {"minReplicas": 3, "workerSpec": container | {"pipelineParallelSize": 4}},
        transformer=container | {"minReplicas": 0},
        explainer=container | {"minReplicas": 2},
    )

    assert groups(found) == {"predictor": 3, "worker": 9, "transformer": 1, "explainer": 2}


def test_without_a_size_of_the_pipeline_one_worker_is_planned_and_said() -> None:
    found = inference(predictor={"model": {}, "workerSpec": {"containers": [{"name": "c"}]}})

    assert groups(found) == {"predictor": 1, "worker": 1}
    assert "one is planned" in found.guesses[0]


KNOWN_WITHOUT_TEMPLATE: dict[str, tuple[str, str, Any, str]] = {
    "nothing": ("jobset.x-k8s.io/v1alpha2", "JobSet", {}, "spec.replicatedJobs: is missing"),
    "an empty list": (
        "jobset.x-k8s.io/v1alpha2",
        "JobSet",
        {"replicatedJobs": []},
        "spec.replicatedJobs: is empty",
    ),
    "a level is missing": (
        "jobset.x-k8s.io/v1alpha2",
        "JobSet",
        {"replicatedJobs": [{"name": "j", "template": {}}]},
        "spec.replicatedJobs[0].template.spec: is missing",
    ),
    "a number for a list": (
        "jobset.x-k8s.io/v1alpha2",
        "JobSet",
        {"replicatedJobs": 1},
        "spec.replicatedJobs: must be a list or an object",
    ),
    "a text for an object": ("argoproj.io/v1alpha1", "Rollout", "x", "spec: must be an object"),
    "one of several templates": (
        "leaderworkerset.x-k8s.io/v1",
        "LeaderWorkerSet",
        {"leaderWorkerTemplate": {"size": 2}},
        "spec.leaderWorkerTemplate: contains no Pod template",
    ),
    "steps that call others": (
        "argoproj.io/v1alpha1",
        "Workflow",
        {"templates": [{"name": "a", "steps": []}]},
        "spec.templates[0]: makes no Pods itself",
    ),
}


@pytest.mark.parametrize(
    ("version", "kind", "spec", "message"), KNOWN_WITHOUT_TEMPLATE.values(), ids=KNOWN_WITHOUT_TEMPLATE
)
def test_a_known_kind_without_a_template_is_told_what_is_missing(
    version: str, kind: str, spec: Any, message: str
) -> None:
    raw = {"apiVersion": version, "kind": kind, "metadata": {"name": "w"}, "spec": spec}

    assert not is_read(raw)
    with pytest.raises(ObjectError) as caught:
        parse(raw)
    assert str(caught.value) == f"{kind} w: {message}"


def test_a_pod_group_is_read_and_has_no_pods_of_its_own() -> None:
    meta = {"name": "w"}
    raw = {
        "apiVersion": "scheduling.k8s.io/v1alpha2",
        "kind": "PodGroup",
        "metadata": meta,
        "spec": POD_GROUP,
    }

    assert is_read(raw)
    assert not is_to_be_placed(raw)


class Counted(dict[str, Any]):
    """An object that counts how often it is looked into."""

    looks = 0

    def items(self) -> Any:
        Counted.looks += 1
        return super().items()


def test_the_search_for_templates_ends_in_a_large_object() -> None:
    many = [Counted(a=Counted(b=1)) for _ in range(MAX_SEARCHED)]
    raw = {
        "apiVersion": "ml.example.com/v1",
        "kind": "Training",
        "metadata": {"name": "w"},
        "spec": {"many": many},
    }

    Counted.looks = 0
    assert list(pod_spec_paths(raw)) == []
    assert 0 < Counted.looks <= MAX_SEARCHED


def test_faults_of_a_template_are_named_where_they_are() -> None:
    spec = {"roles": [{"template": template(priority="high")}]}
    with pytest.raises(ObjectError, match="must be a whole number") as caught:
        read("ml.example.com/v1", "Training", spec)
    assert caught.value.path == "spec.roles[0].template.spec.priority"

    with pytest.raises(ObjectError, match="must be a whole number") as caught:
        read("kueue.x-k8s.io/v1beta1", "Workload", {"podSets": [{"count": "2", "template": template()}]})
    assert caught.value.path == "spec.podSets[0].count"

    with pytest.raises(ObjectError, match="more than 100 Pod templates"):
        read("ml.example.com/v1", "Training", {"roles": [template()] * 101})


def test_a_machine_takes_of_its_node_what_its_domain_asks_for() -> None:
    machine = MACHINE | {
        "domain": {"resources": {"requests": {"memory": "1Gi", "cpu": "2"}}},
        "nodeSelector": {"a": "b"},
    }
    [item] = read("kubevirt.io/v1", "VirtualMachineInstance", machine).sets

    assert {name: str(amount) for name, amount in item.template.requests.items()} == {
        "memory": "1073741824",
        "cpu": "2",
    }
    assert item.template.node_selector == {"a": "b"}
