"""Kinds that make Pods from templates: where the templates stand, and how many Pods come of each.

The rules are those of the kinds' API documentation and controllers; docs/workloads.md lists them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.pod_templates import Path, value_at
from app.core.model.workload_views import (
    View,
    graph_service,
    inference_component,
    machine,
    model_service,
    runs_in_a_pod,
    slurm_node,
    spark_role,
    workflow_step,
)

Count = Callable[[JsonObject], int]


@dataclass(frozen=True, slots=True)
class PodSetRule:
    """Where Pod specs stand, and how many Pods are made of each.

    ``spec`` is a pattern of ``pod_templates.matches``. ``factors`` are patterns that begin like it,
    each with the number to read from the object there; the product is the number of Pods. ``name``
    distinguishes the sets of one workload; by default it is what ``*`` in ``spec`` stands for.
    ``per_node``: one Pod a node. ``times``: another factor, from the whole object and the path of the spec.

    ``only`` selects among the objects that the pattern finds. ``view`` gives a Pod spec where the
    API has something like it, from that and from the object at ``inherits``, a pattern that begins like
    ``spec``; ``claims`` is the list of its
    claims where it has no ``resourceClaims`` itself. ``more``: the API has further fields beside those of a
    Pod spec. ``assumption`` is what is not known about the number of Pods. ``creates`` is a pattern of fields
    from which other objects are created, which may have Pods. ``patches`` are patterns of fields that change
    the Pods and are not read.
    """

    spec: str
    factors: tuple[tuple[str, Count], ...] = ()
    name: str = ""
    per_node: bool = False
    times: Callable[[JsonObject, Path], int] | None = None
    only: Callable[[JsonObject], bool] | None = None
    view: View | None = None
    inherits: str = ""
    claims: str = ""
    more: bool = False
    assumption: str = ""
    creates: str = ""
    patches: tuple[str, ...] = ()


def _number(name: str, otherwise: int = 1) -> Count:
    def read(source: JsonObject) -> int:
        value = fields.default(source, name, fields.integer, otherwise)
        if value < 0:
            raise FieldError("must not be negative", name)
        return value

    return read


_replicas = _number("replicas")


def _at_one_time(job: JsonObject) -> int:
    """Of a JobSpec, the Pods that run at one time: the smaller of parallelism and completions."""
    return min(_number("parallelism")(job), _number("completions", 2**31)(job))


def _beside_the_leader(group: JsonObject) -> int:
    """Of a LeaderWorkerSet: the leader is one of the group, and uses the workers' template
    unless it has one."""
    return max(0, _number("size")(group) - (group.get("leaderTemplate") is not None))


def _ray_workers(group: JsonObject) -> int:
    """Of a group of Ray workers: KubeRay keeps replicas between minReplicas and maxReplicas, and makes
    numOfHosts Pods of each."""
    least, most = _number("minReplicas", 0)(group), _number("maxReplicas", 2**31 - 1)(group)
    replicas = min(max(_number("replicas", 0)(group), least), most)
    return replicas * _number("numOfHosts")(group)


def _nodes_of_service(service: JsonObject) -> int:
    """Of a service of a Dynamo graph: a Pod on each of the nodes that one replica takes."""
    nodes = service.get("multinode")
    return _replicas(service) * (_number("nodeCount")(nodes) if isinstance(nodes, dict) else 1)


def _served(component: JsonObject) -> int:
    """Of a component of an InferenceService: one that scales to zero runs once while it is called."""
    return max(1, _number("minReplicas")(component))


def _workers_of_stages(worker: JsonObject) -> int:
    """Of a model on several nodes: a worker for each stage of the pipeline but the first."""
    return max(1, _number("pipelineParallelSize", 2)(worker) - 1)


def _idle_runners(spec: JsonObject) -> int:
    """Of a runner set that scales with the jobs that wait: those that always run, or one for a job."""
    return max(1, _number("minRunners", 0)(spec))


def _of_scaling_groups(owner: JsonObject, path: Path) -> int:
    """Of a clique: how often the scaling group that names it is there; once without a group."""
    name = value_at(owner, (*path[:4], "name"))
    groups = value_at(owner, ("spec", "template", "podCliqueScalingGroups"))
    for group in groups if isinstance(groups, list) else ():
        names = group.get("cliqueNames") if isinstance(group, dict) else None
        if isinstance(names, list) and name in names:
            return _replicas(group)
    return 1


def _one(*rules: PodSetRule) -> tuple[PodSetRule, ...]:
    return rules


def _template(
    owner: str = "spec", count: Count | None = _replicas, template: str = "template", *, more: bool = False
) -> PodSetRule:
    return PodSetRule(f"{owner}.{template}.spec", ((owner, count),) if count else (), more=more)


def _job(spec: str) -> PodSetRule:
    return PodSetRule(f"{spec}.template.spec", ((spec, _at_one_time),))


def _tasks(job: str) -> PodSetRule:
    task = f"{job}.tasks.*"
    return PodSetRule(f"{task}.template.spec", ((task, _replicas),))


def _replicated_jobs(owner: str) -> PodSetRule:
    job = f"{owner}.replicatedJobs.*"
    factors = ((job, _replicas), (f"{job}.template.spec", _at_one_time))
    return PodSetRule(f"{job}.template.spec.template.spec", factors)


def _ray(cluster: str) -> tuple[PodSetRule, ...]:
    workers = f"{cluster}.workerGroupSpecs.*"
    return (
        PodSetRule(f"{cluster}.headGroupSpec.template.spec", name="head"),
        PodSetRule(f"{workers}.template.spec", ((workers, _ray_workers),)),
    )


def _machines(owner: str, count: Count | None) -> PodSetRule:
    factors = (("spec", count),) if count else ()
    return PodSetRule(owner, factors, view=machine, more=True)


def _steps(workflow: str) -> PodSetRule:
    """Of Argo Workflows: each template that runs in a Pod."""
    text = "its steps may run a template several times, and each is planned as one Pod"
    return PodSetRule(
        f"{workflow}.templates.*",
        only=runs_in_a_pod,
        view=workflow_step,
        inherits=workflow,
        claims=f"{workflow}.resourceClaims",
        assumption=text,
        creates=f"{workflow}.templates.*.resource",
        patches=tuple(
            f"{workflow}.{name}" for name in ("templateDefaults", "podSpecPatch", "templates.*.podSpecPatch")
        ),
        more=True,
    )


def _spark(application: str) -> tuple[PodSetRule, ...]:
    driver, executor = f"{application}.driver", f"{application}.executor"
    return (
        PodSetRule(f"{driver}.template.spec", name="driver", view=spark_role, inherits=driver),
        PodSetRule(
            f"{executor}.template.spec",
            ((executor, _number("instances")),),
            "executor",
            view=spark_role,
            inherits=executor,
        ),
    )


def _inference() -> tuple[PodSetRule, ...]:
    """Of KServe: each component is a Pod spec, in which a model may stand for its container."""
    components = tuple(
        PodSetRule(f"spec.{name}", ((f"spec.{name}", _served),), name, view=inference_component, more=True)
        for name in ("predictor", "transformer", "explainer")
    )
    worker = "spec.predictor.workerSpec"
    factors = (("spec.predictor", _served), (worker, _workers_of_stages))
    text = "without pipelineParallelSize, its serving runtime has the number of workers, and one is planned"
    return (*components, PodSetRule(worker, factors, "worker", more=True, assumption=text))


_PER_NODE = PodSetRule("spec.template.spec", per_node=True)
_GROUP = "spec.leaderWorkerTemplate"
_TRAINING = {
    "MPIJob": "mpiReplicaSpecs",
    "PyTorchJob": "pytorchReplicaSpecs",
    "TFJob": "tfReplicaSpecs",
    "XGBoostJob": "xgbReplicaSpecs",
    "PaddleJob": "paddleReplicaSpecs",
    "JAXJob": "jaxReplicaSpecs",
}

BUILT_IN: Mapping[tuple[str, str], tuple[PodSetRule, ...]] = {
    ("batch", "Job"): _one(_job("spec")),
    ("batch", "CronJob"): _one(_job("spec.jobTemplate.spec")),
    ("apps", "Deployment"): _one(_template()),
    ("apps", "ReplicaSet"): _one(_template()),
    ("apps", "StatefulSet"): _one(_template()),
    ("apps", "DaemonSet"): _one(_PER_NODE),
    ("", "ReplicationController"): _one(_template()),
    ("", "PodTemplate"): _one(PodSetRule("template.spec")),
}
"""Kinds that Kubernetes itself has, by API group and kind: a template is required."""

CUSTOM: Mapping[tuple[str, str], tuple[PodSetRule, ...]] = {
    ("jobset.x-k8s.io", "JobSet"): _one(_replicated_jobs("spec")),
    ("leaderworkerset.x-k8s.io", "LeaderWorkerSet"): _one(
        PodSetRule(f"{_GROUP}.leaderTemplate.spec", (("spec", _replicas),), "leader"),
        PodSetRule(
            f"{_GROUP}.workerTemplate.spec", (("spec", _replicas), (_GROUP, _beside_the_leader)), "worker"
        ),
    ),
    **{
        ("kubeflow.org", kind): _one(
            PodSetRule(f"spec.{name}.*.template.spec", ((f"spec.{name}.*", _replicas),))
        )
        for kind, name in _TRAINING.items()
    },
    ("kubeflow.org", "Notebook"): _one(_template(count=None)),
    ("trainer.kubeflow.org", "TrainingRuntime"): _one(_replicated_jobs("spec.template.spec")),
    ("trainer.kubeflow.org", "ClusterTrainingRuntime"): _one(_replicated_jobs("spec.template.spec")),
    ("nvidia.com", "DynamoGraphDeployment"): _one(
        PodSetRule(
            "spec.services.*.extraPodSpec",
            (("spec.services.*", _nodes_of_service),),
            view=graph_service,
            inherits="spec.services.*",
            more=True,
        )
    ),
    ("grove.io", "PodCliqueSet"): _one(
        PodSetRule(
            "spec.template.cliques.*.spec.podSpec",
            (("spec", _replicas), ("spec.template.cliques.*.spec", _replicas)),
            times=_of_scaling_groups,
        )
    ),
    ("grove.io", "PodClique"): _one(PodSetRule("spec.podSpec", (("spec", _replicas),))),
    ("ray.io", "RayCluster"): _ray("spec"),
    ("ray.io", "RayJob"): (
        *_ray("spec.rayClusterSpec"),
        PodSetRule("spec.submitterPodTemplate.spec", name="submitter"),
    ),
    ("ray.io", "RayService"): _ray("spec.rayClusterConfig"),
    ("kueue.x-k8s.io", "Workload"): _one(
        PodSetRule("spec.podSets.*.template.spec", (("spec.podSets.*", _number("count")),))
    ),
    ("argoproj.io", "Rollout"): _one(_template()),
    ("argoproj.io", "Workflow"): _one(_steps("spec")),
    ("argoproj.io", "WorkflowTemplate"): _one(_steps("spec")),
    ("argoproj.io", "ClusterWorkflowTemplate"): _one(_steps("spec")),
    ("argoproj.io", "CronWorkflow"): _one(_steps("spec.workflowSpec")),
    ("kubevirt.io", "VirtualMachine"): _one(_machines("spec.template.spec", None)),
    ("kubevirt.io", "VirtualMachineInstance"): _one(_machines("spec", None)),
    ("kubevirt.io", "VirtualMachineInstanceReplicaSet"): _one(_machines("spec.template.spec", _replicas)),
    ("pool.kubevirt.io", "VirtualMachinePool"): _one(
        _machines("spec.virtualMachineTemplate.spec.template.spec", _replicas)
    ),
    ("actions.github.com", "AutoscalingRunnerSet"): _one(_template(count=_idle_runners)),
    ("actions.github.com", "EphemeralRunnerSet"): _one(_template(template="ephemeralRunnerSpec")),
    ("actions.github.com", "EphemeralRunner"): _one(PodSetRule("spec.spec")),
    ("actions.summerwind.dev", "RunnerDeployment"): _one(_template(more=True)),
    ("batch.volcano.sh", "Job"): _one(_tasks("spec")),
    ("batch.volcano.sh", "CronJob"): _one(_tasks("spec.jobTemplate.spec")),
    ("apps.kruise.io", "CloneSet"): _one(_template()),
    ("apps.kruise.io", "StatefulSet"): _one(_template()),
    ("apps.kruise.io", "DaemonSet"): _one(_PER_NODE),
    ("sparkoperator.k8s.io", "SparkApplication"): _spark("spec"),
    ("sparkoperator.k8s.io", "ScheduledSparkApplication"): _spark("spec.template"),
    ("serving.kserve.io", "InferenceService"): _inference(),
    ("serving.knative.dev", "Service"): _one(_template(count=None, more=True)),
    ("serving.knative.dev", "Configuration"): _one(_template(count=None, more=True)),
    ("serving.knative.dev", "Revision"): _one(PodSetRule("spec", more=True)),
    ("apps.nvidia.com", "NIMService"): _one(
        PodSetRule("spec", (("spec", _replicas),), view=model_service, claims="spec.draResources", more=True)
    ),
    ("slinky.slurm.net", "NodeSet"): _one(
        PodSetRule("spec.template.spec", (("spec", _replicas),), view=slurm_node, inherits="spec")
    ),
    ("slinky.slurm.net", "LoginSet"): _one(_template()),
}
"""Custom resources whose numbers of Pods are known, by API group and kind."""

GROUPS_WITHOUT_TEMPLATES = frozenset({"scheduling.k8s.io"})
"""API groups whose kinds name claims for Pods that others make."""


def rules_of(raw: Any) -> tuple[PodSetRule, ...]:
    """The rules for an object's kind, none if it is not one of the tables."""
    kind = raw.get("kind") if isinstance(raw, Mapping) else None
    if not isinstance(kind, str):
        return ()
    key = (group_of(raw), kind)
    return BUILT_IN.get(key) or CUSTOM.get(key) or ()


def group_of(raw: Mapping[str, Any]) -> str:
    """The API group of an object; empty for the core group, and where there is no apiVersion."""
    version = raw.get("apiVersion")
    return version.rpartition("/")[0] if isinstance(version, str) else ""
