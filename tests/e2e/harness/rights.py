"""Roles of the users under test."""

from typing import Any

import yaml

from harness.binaries import REPOSITORY
from harness.controlplane import EXTENDER
from harness.scene import Scene

GROUP = "rbac.authorization.k8s.io"
CHART_RULES = REPOSITORY / "charts" / "dra-extender" / "files" / "clusterrole.yaml"


def grant(scene: Scene, user: str, rules: list[dict[str, Any]]) -> None:
    """Gives a user these rights everywhere."""
    role = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": user},
        "rules": rules,
    }
    binding = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}],
    }
    scene.create(role)
    scene.create(binding)


def grant_chart_rights(scene: Scene) -> None:
    """Gives the extender's user what the chart gives its service account."""
    grant(scene, EXTENDER, yaml.safe_load(CHART_RULES.read_text())["rules"])
