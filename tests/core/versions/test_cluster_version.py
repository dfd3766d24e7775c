"""What a cluster says of itself, read from its answers and from snapshots."""

from typing import Any

import pytest

from app.core.versions import VersionError, version_named
from app.core.versions.cluster_version import ClusterVersion, gates_in_metrics, of_server, recorded

METRICS = b"""\
# HELP kubernetes_feature_enabled [BETA] The stage of a feature, and whether it is enabled.
# TYPE kubernetes_feature_enabled gauge
kubernetes_feature_enabled{name="DRAAdminAccess",stage=""} 1
kubernetes_feature_enabled{name="DRAConsumableCapacity",stage="BETA"} 0
kubernetes_feature_enabled{name="APIServerTracing",stage=""} 1
not_kubernetes_feature_enabled{name="DRADeviceTaints",stage=""} 1
kubernetes_feature_enabled_total{name="DRADeviceTaints",stage=""} 1
apiserver_request_total{code="200",verb="kubernetes_feature_enabled"} 1
"""


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        ({"gitVersion": "v1.37.2"}, "1.37"),
        ({"gitVersion": "v1.33.13"}, "1.33"),
        ({"gitVersion": "v1.38.0-beta.0"}, "1.38"),
        ({"gitVersion": "v1.35.1-eks-abc123", "emulationMajor": "1", "emulationMinor": "35"}, "1.35"),
        # An emulated version: the binaries are newer than what they do.
        ({"gitVersion": "v1.37.2", "emulationMajor": "1", "emulationMinor": "34"}, "1.34"),
        # Outside of what is known: the nearest.
        ({"gitVersion": "v1.31.0"}, "1.33"),
        ({"gitVersion": "v1.99.0"}, "1.38"),
        ({}, "1.37"),
        ({"gitVersion": "unknown"}, "1.37"),
    ],
)
def test_the_rules_are_those_of_the_version_that_the_server_behaves_as(
    answer: dict[str, Any], rules: str
) -> None:
    cluster = of_server(answer)
    assert cluster.version is version_named(rules)
    assert cluster.server == answer.get("gitVersion", "")
    assert cluster.gates is None


def test_gates_are_read_from_the_metric_of_that_name_alone() -> None:
    found = gates_in_metrics(METRICS)
    assert found == {"DRAAdminAccess": True, "DRAConsumableCapacity": False, "APIServerTracing": True}


def test_gates_that_do_not_matter_to_devices_are_left_out_and_changed_ones_named() -> None:
    cluster = of_server({"gitVersion": "v1.37.2"}, gates_in_metrics(METRICS))
    assert cluster.gates == {"DRAAdminAccess": True, "DRAConsumableCapacity": False}
    assert cluster.changed_gates == {"DRAConsumableCapacity": False}


@pytest.mark.parametrize(
    ("cluster", "text"),
    [
        (ClusterVersion(), "1.37, default feature gates"),
        (ClusterVersion("v1.37.2", version_named("1.37")), "v1.37.2, default feature gates"),
        (ClusterVersion("v1.37.2", version_named("1.37"), {}), "v1.37.2"),
        (ClusterVersion("v1.37.2", version_named("1.34"), {}), "v1.37.2, with the rules of 1.34"),
    ],
)
def test_it_is_described_in_one_line(cluster: ClusterVersion, text: str) -> None:
    assert str(cluster) == text


@pytest.mark.parametrize(
    ("cluster", "back"),
    [
        (of_server({"gitVersion": "v1.34.4"}), of_server({"gitVersion": "v1.34.4"})),
        (of_server({"gitVersion": "v1.34.4"}, {"DRADeviceTaints": True}), None),
        (ClusterVersion(version=version_named("1.38")), None),
        # A later release knows the rules of this one.
        (of_server({"gitVersion": "v1.99.1-gke.5"}), None),
        (of_server({"gitVersion": "v1.35.0-eks-abc"}), None),
        (of_server({"gitVersion": "v1.31.0"}), ClusterVersion(version=version_named("1.33"))),
        # What was emulated counts.
        (
            of_server({"gitVersion": "v1.37.2", "emulationMajor": "1", "emulationMinor": "34"}),
            ClusterVersion(version=version_named("1.34")),
        ),
    ],
)
def test_a_snapshot_gives_back_what_it_has_recorded(
    cluster: ClusterVersion, back: ClusterVersion | None
) -> None:
    document = {"kind": "List", "metadata": {"annotations": cluster.annotations()}, "items": []}
    assert recorded(document) == (back or cluster)


@pytest.mark.parametrize(
    "document", [None, [], {}, {"metadata": None}, {"metadata": {"annotations": {"other": "x"}}}]
)
def test_a_snapshot_without_a_record_says_nothing(document: Any) -> None:
    assert recorded(document) is None


@pytest.mark.parametrize(
    ("annotations", "problem"),
    [
        ({"dra-extender/kubernetes-version": "new"}, "'new' is not a version of Kubernetes"),
        ({"dra-extender/kubernetes-version": "1.20"}, "not supported"),
        (
            {"dra-extender/kubernetes-version": "v1.34.1", "dra-extender/feature-gates": "DRADeviceTaints"},
            "dra-extender/feature-gates has 'DRADeviceTaints'",
        ),
    ],
)
def test_a_record_that_cannot_be_read_is_an_error(annotations: dict[str, str], problem: str) -> None:
    with pytest.raises(VersionError, match=problem):
        recorded({"metadata": {"annotations": annotations}})
