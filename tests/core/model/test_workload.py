"""Workloads: how many Pods, and which."""

from typing import Any

import pytest

from app.core.model.errors import ObjectError
from app.core.model.parse import parse
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
    pods = list(workload(kind).pods(2))
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
    pods = list(workload("Job", {"generateName": "train-"}).pods(1))
    assert [pod.meta.key for pod in pods] == [("default", "train-0")]


def test_no_pods() -> None:
    assert list(workload("Job").pods(0)) == []
