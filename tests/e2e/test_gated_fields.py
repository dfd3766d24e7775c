"""Which fields an API server drops or refuses by its default gates: those that ``check`` names."""

from typing import Any

import pytest
from harness.api import ApiError
from harness.kubernetes import MINOR
from harness.scene import Scene

from app.core.model.features import Features
from app.core.versions import version_named
from app.manifests.validation.gated_fields import gated_fields
from tests.cli.written import claim

# 1.33 keeps tolerations, without effect.
pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.34")]

CLASS, TAINT = {"deviceClassName": "gpu.example.com"}, {"key": "a.example.com/b", "effect": "NoSchedule"}
POOL = {"name": "p", "generation": 1, "resourceSliceCount": 1}


def requesting(**fields: Any) -> dict[str, Any]:
    return claim({"requests": [{"name": "r", "exactly": CLASS | fields}]})


def publishing(**fields: Any) -> dict[str, Any]:
    spec = {"driver": "gpu.example.com", "allNodes": True, "pool": POOL, "devices": [{"name": "d"} | fields]}
    return {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {}, "spec": spec}


GATED: dict[str, dict[str, Any]] = {
    "capacity": requesting(capacity={"requests": {"memory": "1Gi"}}),
    "tolerations": requesting(tolerations=[{"operator": "Exists"}]),
    "firstAvailable": claim({"requests": [{"name": "r", "firstAvailable": [CLASS | {"name": "s"}]}]}),
    "distinctAttribute": claim(
        {
            "requests": [{"name": "r", "exactly": CLASS | {"count": 2}}],
            "constraints": [{"distinctAttribute": "a.example.com/b"}],
        }
    ),
    "extendedResourceName": {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {},
        "spec": {"extendedResourceName": "example.com/gpu"},
    },
    "taints": publishing(taints=[TAINT]),
    "allowMultipleAllocations": publishing(allowMultipleAllocations=True),
    "bindingConditions": publishing(bindingConditions=["ready"], bindingFailureConditions=["broken"]),
}


@pytest.mark.parametrize("field", GATED)
def test_check_names_what_the_api_server_drops_or_refuses(scene: Scene, field: str) -> None:
    raw = GATED[field] | {"metadata": {"name": f"{field.lower()}.{scene.namespace}"}}
    told = [text for _, text in gated_fields(raw, Features.of(version_named(MINOR)))]
    try:
        kept = field in str(scene.create(raw)["spec"])
    except ApiError as error:
        if error.code != 422:
            raise
        assert ["refuses it" in text for text in told] == [True]
        return
    assert any("ignores it" in text for text in told) is not kept
    assert not any("refuses it" in text for text in told)
