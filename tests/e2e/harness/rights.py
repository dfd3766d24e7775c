"""Roles of the users under test."""

from typing import Any

import yaml

from harness.binaries import REPOSITORY
from harness.controlplane import EXTENDER, PREEMPTING
from harness.scene import Scene

GROUP = "rbac.authorization.k8s.io"
CHART_RULES = REPOSITORY / "charts" / "dra-extender" / "files" / "clusterrole.yaml"
PREEMPTION_RULES = CHART_RULES.with_name("preemption-rules.yaml")
LEADER_RULES = CHART_RULES.with_name("leader-role.yaml")


def grant(scene: Scene, user: str, rules: list[dict[str, Any]], role_name: str = "") -> None:
    """Gives a user these rights everywhere."""
    name = role_name or user
    role = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    }
    binding = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}],
    }
    scene.create(role)
    scene.create(binding)


def grant_chart_rights(scene: Scene) -> None:
    """Gives the extender's user what the chart gives its service account."""
    grant(scene, EXTENDER, yaml.safe_load(CHART_RULES.read_text())["rules"])
    leader = LEADER_RULES.read_text().replace("[NAME]", "[dra-extender]")
    grant(scene, EXTENDER, yaml.safe_load(leader)["rules"], role_name=f"{EXTENDER}-leader")


def grant_preemption_rights(scene: Scene) -> None:
    """Gives the user of an extender that preempts what the chart gives with preemption: evict."""
    rules = yaml.safe_load(CHART_RULES.read_text())["rules"] + yaml.safe_load(PREEMPTION_RULES.read_text())
    grant(scene, PREEMPTING, rules)
