"""The table of versions, and finding a version by its name."""

import pytest

from app.core.model.features import GATES, Features
from app.core.versions import API_ENDS, DEFAULT, NEWEST, OLDEST, VERSIONS, VersionError, version_named


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1.33", "1.33"),
        ("v1.34.6", "1.34"),
        ("v1.35.4-gke.1000", "1.35"),
        ("1.36.3+k3s1", "1.36"),
        ("1.38.0-beta.0", "1.38"),
        ("1.52.1", "1.38"),
    ],
)
def test_a_version_is_found_by_every_form_of_its_name(text: str, name: str) -> None:
    assert version_named(text).name == name


@pytest.mark.parametrize("text", ["", "1", "2.1", "1.x", "34", "1.34\n5", "1.1e9", "1.99999999999"])
def test_a_text_that_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(VersionError, match=r"is not a version of Kubernetes: write it like 1\.37"):
        version_named(text)


def test_a_version_before_the_oldest_is_refused() -> None:
    with pytest.raises(
        VersionError, match=r"1\.32\.1 is not supported: the oldest supported version is 1\.33"
    ):
        version_named("1.32.1")


def test_features_without_a_version_are_those_of_1_37() -> None:
    assert Features() == Features.of(DEFAULT)
    assert Features().version.name == "1.37"


@pytest.mark.parametrize(
    ("version", "on"),
    [
        ("1.33", set()),
        ("1.34", {"admin_access", "prioritized_list"}),
        ("1.35", {"admin_access", "prioritized_list"}),
        (
            "1.36",
            {
                "admin_access",
                "consumable_capacity",
                "device_binding_and_status",
                "device_taints",
                "extended_resource",
                "node_allocatable_resources",
                "partitionable_devices",
                "prioritized_list",
                "workload_resource_claims",
            },
        ),
    ],
)
def test_a_version_has_the_defaults_of_its_gates(version: str, on: set[str]) -> None:
    features = Features.of(version_named(version))
    assert {name for name in GATES if getattr(features, name)} == on


def test_a_gate_of_the_cluster_goes_before_the_default() -> None:
    version = version_named("1.34")
    features = Features.of(version, {"DRADeviceTaints": True, "DRAPrioritizedList": False, "Unrelated": True})
    assert features == Features.of(version).switched(
        {"DeviceTaints": True, "DeviceTaintRules": True, "PrioritizedList": False}
    )


def test_binding_conditions_need_two_gates() -> None:
    version = version_named("1.36")
    assert not Features.of(version, {"DRAResourceClaimDeviceStatus": False}).device_binding_and_status


def test_each_version_serves_what_has_not_ended() -> None:
    for version in VERSIONS:
        ended = {api for api, end in API_ENDS.items() if int(end.removeprefix("1.")) <= version.minor}
        assert ended.isdisjoint(version.apis)
        assert set(version.default_apis) <= set(version.apis)
    assert (OLDEST.name, NEWEST.name) == ("1.33", "1.38")
