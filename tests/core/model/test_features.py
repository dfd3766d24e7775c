"""Feature switches, named as in kube-scheduler."""

import pytest

from app.core.model.features import NAMES, Features, UnknownFeatureError


def test_names_are_those_of_kubernetes() -> None:
    assert set(NAMES) == {
        "AdminAccess",
        "CompatibilityGroups",
        "ConsumableCapacity",
        "DerivedAttributes",
        "DeviceBindingAndStatus",
        "DeviceTaintRules",
        "DeviceTaints",
        "ExtendedResource",
        "FractionalCapacityRange",
        "ListTypeAttributes",
        "NodeAllocatableResources",
        "OptionalNodeOperations",
        "PartitionableDevices",
        "PrioritizedList",
        "WorkloadResourceClaims",
    }


def test_what_is_on_in_kubernetes_1_37() -> None:
    features = Features()
    assert {name for name, field in NAMES.items() if not getattr(features, field)} == {
        "CompatibilityGroups",
        "DerivedAttributes",
        "ListTypeAttributes",
        "OptionalNodeOperations",
    }


def test_switching_makes_a_new_value() -> None:
    features = Features()
    switched = features.switched({"PartitionableDevices": False, "DerivedAttributes": True})
    assert (switched.partitionable_devices, switched.derived_attributes) == (False, True)
    assert features == Features()
    assert switched.switched({"PartitionableDevices": True, "DerivedAttributes": False}) == features


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownFeatureError, match="unknown feature 'Partitionable', only AdminAccess"):
        Features().switched({"Partitionable": True})
