"""Pod specs of kinds that write them in another form, as Kubernetes' Pod specs."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from app.core.json_object import JsonObject

View = Callable[[JsonObject, JsonObject], JsonObject]
"""Of what a rule has found, and of the fields that it inherits."""
_INHERITED = ("resourceClaims", "nodeSelector", "affinity", "tolerations", "schedulerName")
_NVIDIA = "nvidia.com/gpu"
_STEPS = ("container", "script", "containerSet")
"""Fields of a template of Argo Workflows of which one makes it run in its own Pod."""


def machine(spec: JsonObject, _: JsonObject) -> JsonObject:
    """Of a KubeVirt machine: what its virt-launcher Pod has of a Pod spec.

    A GPU or host device with a ``deviceName`` is one of the extended resource of that name. KubeVirt adds its
    own overhead, which depends on the machine's memory, and is not counted.
    """
    domain = _mapping(spec.get("domain"))
    devices = _mapping(domain.get("devices"))
    listed = [*_listed(devices.get("gpus")), *_listed(devices.get("hostDevices"))]
    names = [item.get("deviceName") for item in listed if isinstance(item, Mapping)]
    counts = Counter(name for name in names if isinstance(name, str) and name)
    compute = {"name": "compute", "resources": {"limits": dict(counts)}}
    return {**spec, "resources": domain.get("resources"), "containers": [compute]}


def runs_in_a_pod(template: JsonObject) -> bool:
    """Whether a template of Argo Workflows makes Pods itself, unlike one that only calls others."""
    return any(isinstance(template.get(name), Mapping) for name in _STEPS)


def workflow_step(template: JsonObject, workflow: JsonObject) -> JsonObject:
    """Of a template of Argo Workflows: claims, selector, affinity, tolerations and scheduler of the template
    replace those of the workflow, and are not merged with them.
    """
    inherited = {name: template.get(name) or workflow.get(name) for name in _INHERITED}
    several = _mapping(template.get("containerSet")).get("containers")
    main = template.get("container") or template.get("script")
    containers = [
        *(several if isinstance(several, list) else [main] if isinstance(main, Mapping) else []),
        *_listed(template.get("sidecars")),
    ]
    return {
        **inherited,
        "initContainers": template.get("initContainers"),
        "containers": [{"name": "main", **item} for item in containers if isinstance(item, Mapping)],
        "priorityClassName": template.get("priorityClassName") or workflow.get("podPriorityClassName"),
    }


def model_service(spec: JsonObject, _: JsonObject) -> JsonObject:
    """Of a NIMService: one container with its resources, and a claim for each of its ``draResources`` that
    names one. The others are created by the operator.
    """
    named = [
        {"name": f"dra-{index}", **item}
        for index, item in enumerate(_listed(spec.get("draResources")))
        if isinstance(item, Mapping) and item.get("claimCreationSpec") is None
    ]
    same = {name: spec.get(name) for name in ("nodeSelector", "affinity", "tolerations", "schedulerName")}
    container = {"name": "model", "resources": _quantities(spec.get("resources"))}
    return {**same, "resourceClaims": named, "containers": [container]}


def inference_component(spec: JsonObject, _: JsonObject) -> JsonObject:
    """Of a component of a KServe InferenceService: the Pod spec that it is, with the model as a container."""
    model = spec.get("model")
    served = [{"name": "kserve-container", **model}] if isinstance(model, Mapping) else []
    return {**spec, "containers": [*served, *_listed(spec.get("containers"))]}


def graph_service(spec: JsonObject, service: JsonObject) -> JsonObject:
    """Of a service of a Dynamo graph: the Pod spec beside it with its main container, which gets the
    resources of the service. Its ``gpu`` stands for NVIDIA's extended resource, or that of ``gpuType``.
    """
    main, resources = _mapping(spec.get("mainContainer")), _mapping(service.get("resources"))
    own = _mapping(main.get("resources"))
    sides = {
        side: {**_amounts(_mapping(resources.get(side))), **_mapping(own.get(side))}
        for side in ("requests", "limits")
    }
    container = {"name": "main", **main, "resources": {**own, **sides}}
    return {**spec, "containers": [container, *_listed(spec.get("containers"))]}


def _amounts(side: Mapping[str, Any]) -> JsonObject:
    """The amounts of one side of a Dynamo service's resources, by the names that a Pod has for them."""
    found = {name: side[name] for name in ("cpu", "memory") if side.get(name) is not None}
    if side.get("gpu") is not None:
        found[str(side.get("gpuType") or _NVIDIA)] = side["gpu"]
    return {**found, **_mapping(side.get("custom"))}


def spark_role(spec: JsonObject, role: JsonObject) -> JsonObject:
    """Of the driver or the executors of Spark: the Pod spec of its template, with its ``gpu``."""
    gpu = _mapping(role.get("gpu"))
    if gpu.get("name") is None:
        return spec
    limits = {str(gpu["name"]): gpu.get("quantity")}
    return {**spec, "containers": [*_listed(spec.get("containers")), {"resources": {"limits": limits}}]}


def slurm_node(spec: JsonObject, node_set: JsonObject) -> JsonObject:
    """Of a Slurm NodeSet: the Pod spec of its template, with the slurmd container beside it."""
    slurmd = _mapping(node_set.get("slurmd"))
    return {**spec, "containers": [{"name": "slurmd", **slurmd}, *_listed(spec.get("containers"))]}


def _quantities(resources: Any) -> JsonObject:
    """Without ``claims``, which a NIMService does not have there."""
    return {name: _mapping(resources).get(name) for name in ("requests", "limits")}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
