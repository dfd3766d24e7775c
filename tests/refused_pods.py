"""Pod specs that the API server refuses, or would take for Pods without devices, as people write them."""

from typing import Any

from app.core.json_object import JsonObject

GPU = "habana.ai/gaudi"


def spec(*, resources: Any = None, **fields: Any) -> JsonObject:
    """A Pod spec with a claim of the template ``t`` and one container, with these fields."""
    container = {"name": "c", "image": "i", "resources": resources or {"claims": [{"name": "gpu"}]}}
    claims = [{"name": "gpu", "resourceClaimTemplateName": "t"}]
    return {"containers": [container], "resourceClaims": claims} | fields


def _without_claims(**fields: Any) -> JsonObject:
    return {"containers": [{"name": "c", "image": "i"}]} | fields


def _container(**fields: Any) -> JsonObject:
    return spec(containers=[{"name": "c", "image": "i"} | fields])


def _claims(*entries: JsonObject) -> JsonObject:
    return spec(resourceClaims=list(entries), resources={"claims": []})


REFUSED: dict[str, tuple[JsonObject, str, str]] = {
    "resourceClaims in lower case": (
        _without_claims(resourceclaims=[{"name": "gpu", "resourceClaimTemplateName": "t"}]),
        "resourceclaims",
        "unknown field resourceclaims, did you mean resourceClaims?",
    ),
    "resourceClaims in the singular": (
        _without_claims(resourceClaim=[{"name": "gpu", "resourceClaimTemplateName": "t"}]),
        "resourceClaim",
        "unknown field resourceClaim, did you mean resourceClaims?",
    ),
    "resourceClaims of a container": (
        _container(resourceClaims=[{"name": "gpu"}]),
        "containers[0].resourceClaims",
        "unknown field resourceClaims here: it belongs under spec",
    ),
    "claims beside resources": (
        _container(claims=[{"name": "gpu"}]),
        "containers[0].claims",
        "unknown field claims: it belongs under resources",
    ),
    "claims in the singular": (
        spec(resources={"claim": [{"name": "gpu"}]}),
        "containers[0].resources.claim",
        "unknown field claim, did you mean claims?",
    ),
    "claims of an init container in the singular": (
        spec(initContainers=[{"name": "i", "resources": {"claim": [{"name": "gpu"}]}}]),
        "initContainers[0].resources.claim",
        "unknown field claim, did you mean claims?",
    ),
    "limits in the singular": (
        spec(resources={"limit": {GPU: 1}}),
        "containers[0].resources.limit",
        "unknown field limit, did you mean limits?",
    ),
    "resourceClaimTemplateName without Name": (
        _claims({"name": "gpu", "resourceClaimTemplate": "t"}),
        "resourceClaims[0].resourceClaimTemplate",
        "unknown field resourceClaimTemplate, did you mean resourceClaimTemplateName?",
    ),
    "request in the plural": (
        spec(resources={"claims": [{"name": "gpu", "requests": "r"}]}),
        "containers[0].resources.claims[0].requests",
        "unknown field requests, did you mean request?",
    ),
    "a long name that is like none": (
        _without_claims(**{"resourceClaims" * 6: []}),
        "resourceClaims" * 6,
        f"unknown field {'resourceClaims' * 6}",
    ),
    "a claim name in capitals": (
        _claims({"name": "GPU", "resourceClaimTemplateName": "t"}),
        "resourceClaims[0].name",
        "must be lower-case letters, digits and '-', at most 63, not 'GPU'",
    ),
    "a claim name twice": (
        _claims(*[{"name": "gpu", "resourceClaimTemplateName": "t"}] * 2),
        "resourceClaims[1].name",
        "duplicate claim name 'gpu'",
    ),
    "claims under the Pod's resources": (
        _without_claims(resources={"claims": [{"name": "gpu"}]}),
        "resources.claims",
        "belongs under resources of a container, not of the Pod",
    ),
    "a claim used twice": (
        spec(resources={"claims": [{"name": "gpu"}, {"name": "gpu"}]}),
        "containers[0].resources.claims[1]",
        "claim 'gpu' is named twice",
    ),
    "a claim used after one of its requests": (
        spec(resources={"claims": [{"name": "gpu", "request": "r"}, {"name": "gpu"}]}),
        "containers[0].resources.claims[1]",
        "claim 'gpu' is named twice",
    ),
    "a claim as text": (
        spec(resources={"claims": ["gpu"]}),
        "containers[0].resources.claims[0]",
        "must be an object, like `- name: gpu`",
    ),
    "a fraction of an extended resource": (
        spec(resources={"limits": {GPU: "500m"}}),
        f"containers[0].resources.limits[{GPU}]",
        "must be a whole number, not 500m",
    ),
    "an extended resource without a limit": (
        spec(resources={"requests": {GPU: 1}}),
        f"containers[0].resources.requests[{GPU}]",
        f"an extended resource needs the same amount under limits: {GPU} is missing there",
    ),
    "an extended resource with another limit": (
        spec(resources={"requests": {GPU: 1}, "limits": {GPU: 2}}),
        f"containers[0].resources.requests[{GPU}]",
        "must equal the limit of an extended resource: 2, not 1",
    ),
    "a negative limit": (
        spec(resources={"limits": {"cpu": "-1"}}),
        "containers[0].resources.limits.cpu",
        "must be 0 or more, not -1",
    ),
    "a negative request of the whole Pod": (
        spec(resources=None) | {"resources": {"requests": {"cpu": "-1"}}},
        "resources.requests.cpu",
        "must be 0 or more, not -1",
    ),
    "an unknown operator of a toleration": (
        spec(tolerations=[{"key": "k", "operator": "x"}]),
        "tolerations[0].operator",
        "must be Exists, Equal, Lt, Gt or left out, not 'x'",
    ),
    "a toleration of all keys by their value": (
        spec(tolerations=[{"value": "v"}]),
        "tolerations[0].operator",
        "must be Exists when there is no key",
    ),
    "a value of a toleration that takes none": (
        spec(tolerations=[{"key": "k", "operator": "Exists", "value": "v"}]),
        "tolerations[0].value",
        "operator Exists takes no value",
    ),
    "an unknown effect of a toleration": (
        spec(tolerations=[{"key": "k", "effect": "None"}]),
        "tolerations[0].effect",
        "must be NoSchedule, PreferNoSchedule, NoExecute or left out, not 'None'",
    ),
    "seconds of a toleration that evicts no Pod": (
        spec(tolerations=[{"key": "k", "tolerationSeconds": 1}]),
        "tolerations[0].effect",
        "must be NoExecute when tolerationSeconds is given",
    ),
}
"""By what is wrong: the spec, the path of the field below it, and the message."""

ACCEPTED: dict[str, JsonObject] = {
    "a claim": spec(),
    "two requests of a claim": spec(
        resources={"claims": [{"name": "gpu", "request": "a"}, {"name": "gpu", "request": "b"}]}
    ),
    "an extended resource with a limit only": spec(resources={"limits": {"cpu": "500m"}}),
    "a field that has nothing to do with devices": spec(terminationGracePeriod=3),
    "tolerations": spec(
        tolerations=[
            {"operator": "Exists"},
            {"key": "k", "value": "v", "effect": "PreferNoSchedule"},
            {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3},
        ]
    ),
    "a CPU request without a limit": spec(resources={"requests": {"cpu": "100m"}}),
}


def pod(fields: JsonObject, name: str = "p") -> JsonObject:
    """A Pod with this spec."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": fields,
    }


def job(fields: JsonObject, name: str = "p") -> JsonObject:
    """A Job whose Pods have this spec."""
    meta = {"name": name, "namespace": "default"}
    template = {"template": {"spec": fields | {"restartPolicy": "Never"}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": template}


def _requests(*requests: JsonObject) -> JsonObject:
    return {"devices": {"requests": list(requests)}}


def _request(name: str = "r", **fields: Any) -> JsonObject:
    return {"name": name, "exactly": {"deviceClassName": "gpu"} | fields}


REFUSED_CLAIMS: dict[str, tuple[JsonObject, str, str]] = {
    "less than no device": (_requests(_request(count=-1)), "exactly.count", "must be greater than 0"),
    "no device": (_requests(_request(count=0)), "exactly.count", "must be greater than 0"),
    "an unknown mode": (
        _requests(_request(allocationMode="Foo")),
        "exactly.allocationMode",
        "must be ExactCount or All, not 'Foo'",
    ),
    "an unknown operator": (
        _requests(_request(tolerations=[{"operator": "Foo"}])),
        "exactly.tolerations[0].operator",
        "must be Exists or Equal, not 'Foo'",
    ),
}
"""Specs of claims by what is wrong: the spec, the path of the field below its first request, the message."""
