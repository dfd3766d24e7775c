"""Configurations of kube-scheduler."""

from typing import Any

import yaml

from harness.objects import EXAMPLES
from harness.process import Process
from harness.wait import until

EXAMPLE = EXAMPLES / "kube-scheduler.yaml"
QUICK = {"podInitialBackoffSeconds": 1, "podMaxBackoffSeconds": 2}
"""A Pod that was refused is tried again soon: a test need not wait for what is not under test."""


def in_tree(scheduler_name: str) -> dict[str, Any]:
    """kube-scheduler as it comes, with its own DynamicResources plugin."""
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "profiles": [{"schedulerName": scheduler_name}],
    }


def with_extender(url: str, *, scheduler_name: str = "", **changes: Any) -> dict[str, Any]:
    """The repository's example, its extender at `url`; `changes` are fields of the extender's entry."""
    configuration: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    configuration["extenders"][0] |= {"urlPrefix": f"{url}/scheduler", **changes}
    if scheduler_name:
        configuration["profiles"][0]["schedulerName"] = scheduler_name
    return configuration


def wait_for_nodes(scheduler: Process, *names: str) -> None:
    """Returns when the scheduler has these Nodes cached: Nodes and Pods reach it by different watches."""
    for name in names:
        line = f'"Added node to NodeTree" node="{name}"'
        until(lambda line=line: line in scheduler.log.read_text(), f"{scheduler.name} knows Node {name}")


def scheduler_name(configuration: dict[str, Any]) -> str:
    return configuration["profiles"][0]["schedulerName"]
