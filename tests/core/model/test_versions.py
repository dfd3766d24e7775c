"""All served versions of resource.k8s.io are read as v1."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model.errors import FieldError, ObjectError
from app.core.model.parse import parse
from app.core.model.resource_claim import ResourceClaim, ResourceClaimTemplate
from app.core.model.resource_slice import ResourceSlice
from app.core.model.versions import to_v1

FLAT: dict[str, Any] = {
    "name": "cat",
    "deviceClassName": "cats.example.com",
    "selectors": [{"cel": {"expression": "true"}}],
    "allocationMode": "ExactCount",
    "count": 2,
    "adminAccess": False,
    "tolerations": [{"operator": "Exists"}],
    "capacity": {"requests": {"memory": "1Gi"}},
}
EXACTLY = {"name": "cat", "exactly": {name: value for name, value in FLAT.items() if name != "name"}}


def claim(version: str, *requests: Any, kind: str = "ResourceClaim") -> dict[str, Any]:
    spec: dict[str, Any] = {"devices": {"requests": list(requests)}}
    return {
        "apiVersion": f"resource.k8s.io/{version}",
        "kind": kind,
        "metadata": {"name": "c"},
        "spec": {"spec": spec} if kind == "ResourceClaimTemplate" else spec,
    }


def slice_of(version: str, *devices: Any, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"resource.k8s.io/{version}",
        "kind": "ResourceSlice",
        "metadata": {"name": "s"},
        "spec": {
            "driver": "cats.example.com",
            "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
            "nodeName": "n",
            "devices": list(devices),
        }
        | spec,
    }


@pytest.mark.parametrize("kind", ["ResourceClaim", "ResourceClaimTemplate"])
@pytest.mark.parametrize("version", ["v1beta1", "v1beta2", "v1"])
def test_a_flat_request_is_read_in_every_version(version: str, kind: str) -> None:
    flat = parse(claim(version, FLAT, kind=kind))
    canonical = parse(claim("v1", EXACTLY, kind=kind))
    assert flat == canonical
    assert isinstance(flat, ResourceClaim | ResourceClaimTemplate)
    exactly = flat.spec.requests[0].exactly
    assert exactly is not None
    assert (exactly.name, exactly.device_class, exactly.count) == ("cat", "cats.example.com", 2)


def test_a_flat_request_under_an_exactly_of_null_is_read() -> None:
    assert parse(claim("v1", FLAT | {"exactly": None})) == parse(claim("v1", EXACTLY))


def test_exactly_wins_over_flat_fields_as_in_the_api_server_that_drops_those() -> None:
    assert parse(claim("v1", EXACTLY | {"deviceClassName": "dogs.example.com"})) == parse(
        claim("v1", EXACTLY)
    )


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2", "v1"])
def test_prioritized_requests_are_the_same_in_every_version(version: str) -> None:
    request = {
        "name": "any",
        "firstAvailable": [
            {"name": "big", "deviceClassName": "big.example.com"},
            {"name": "small", "deviceClassName": "small.example.com", "count": 2},
        ],
    }
    result = parse(claim(version, request))
    assert isinstance(result, ResourceClaim)
    first = result.spec.requests[0]
    assert first.exactly is None
    assert [(item.name, item.count) for item in first.first_available] == [("big", 1), ("small", 2)]


BASIC = {
    "attributes": {"color": {"string": "black"}},
    "capacity": {"memory": {"value": "1Gi"}},
    "taints": [{"key": "ecc", "effect": "NoSchedule"}],
}


@pytest.mark.parametrize("version", ["v1beta2", "v1"])
def test_a_device_under_basic_is_the_device_of_v1(version: str) -> None:
    assert parse(slice_of("v1beta1", {"name": "d", "basic": BASIC})) == parse(
        slice_of(version, {"name": "d"} | BASIC)
    )


def test_basic_does_not_rename_the_device() -> None:
    result = parse(slice_of("v1beta1", {"name": "d", "basic": {"name": "other"}}))
    assert isinstance(result, ResourceSlice)
    assert result.devices[0].name == "d"


@pytest.mark.parametrize("basic", [{}, None])
def test_a_device_without_attributes(basic: Any) -> None:
    assert parse(slice_of("v1beta1", {"name": "d", "basic": basic})) == parse(slice_of("v1", {"name": "d"}))


def test_a_basic_that_is_no_object_is_an_error() -> None:
    with pytest.raises(ObjectError) as caught:
        parse(slice_of("v1beta1", {"name": "c"}, {"name": "d", "basic": []}))
    assert caught.value.path == "spec.devices[1].basic"


def test_an_empty_node_name_of_v1beta1_is_none() -> None:
    result = parse(slice_of("v1beta1", nodeName="", allNodes=True))
    assert isinstance(result, ResourceSlice)
    assert result.node_name is None
    assert result.all_nodes


@pytest.mark.parametrize("version", ["v1alpha3", "v1beta2", "v1"])
def test_taint_rules_are_read_from_the_version_that_first_had_them(version: str) -> None:
    raw = {
        "apiVersion": f"resource.k8s.io/{version}",
        "kind": "DeviceTaintRule",
        "metadata": {"name": "r"},
        "spec": {"deviceSelector": {"driver": "d"}, "taint": {"key": "k", "effect": "NoExecute"}},
    }
    assert parse(raw) == parse(raw | {"apiVersion": "resource.k8s.io/v1"})


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("v2", "an unknown version"),
        ("v1alpha2", "was removed in Kubernetes 1[.]31"),
        ("v1beta3", "an unknown version"),
        ("", "an unknown version"),
    ],
)
def test_an_unknown_version_is_an_error(version: str, text: str) -> None:
    with pytest.raises(FieldError, match=text) as caught:
        to_v1(claim(version, EXACTLY))
    assert caught.value.path == ("apiVersion",)


def test_other_groups_come_back_as_they_are() -> None:
    raw = {"apiVersion": "v1", "kind": "Pod", "spec": {"devices": {"requests": [FLAT]}}}
    assert to_v1(raw) is raw


def test_unknown_fields_survive() -> None:
    request = FLAT | {"newInRequest": 1}
    raw = claim("v1beta1", request) | {"status": {"newInStatus": 2}}
    raw["spec"]["newInSpec"] = 3
    raw["spec"]["devices"]["newInDevices"] = 4
    result = to_v1(raw)
    assert result["status"] == {"newInStatus": 2}
    assert result["spec"]["newInSpec"] == 3
    assert result["spec"]["devices"]["newInDevices"] == 4
    assert result["spec"]["devices"]["requests"] == [EXACTLY | {"newInRequest": 1}]
    device = {"name": "d", "newInDevice": 5, "basic": BASIC | {"newInBasic": 6}}
    assert to_v1(slice_of("v1beta1", device))["spec"]["devices"] == [
        BASIC | {"name": "d", "newInDevice": 5, "newInBasic": 6}
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
requests = st.dictionaries(st.sampled_from(["name", "exactly", "firstAvailable", *FLAT, "new"]), json_values)
devices = st.dictionaries(st.sampled_from(["name", "basic", "attributes", "new"]), json_values)


@given(
    st.sampled_from(["v1", "v1beta1", "v1beta2", "v1alpha3"]),
    st.lists(requests | json_values, max_size=2),
    st.lists(devices | json_values, max_size=2),
    st.sampled_from(["ResourceClaim", "ResourceClaimTemplate"]),
)
def test_input_is_never_modified_and_v1_is_reached_in_one_step(
    version: str, claim_requests: list[Any], slice_devices: list[Any], kind: str
) -> None:
    for raw in (claim(version, *claim_requests, kind=kind), slice_of(version, *slice_devices)):
        before = copy.deepcopy(raw)
        try:
            result = to_v1(raw)
        except FieldError:
            continue
        finally:
            assert raw == before
        again = copy.deepcopy(result)
        assert to_v1(again) == result
