"""The Kubernetes API for tests: plain dicts over httpx."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from app.core.json_object import JsonObject
from harness import tls
from harness.kubernetes import RESOURCE_API, TAINT_RULE_API

V1 = "resource.k8s.io/v1"
"""The version that tests write; it is sent as the one that is served, whose objects look the same."""

# What a client hears while an API server is killed, starts, or has too much to do.
PASSING = (401, 403, 409, 429, 500, 503, 504)

# kind -> (path of its API group and version, plural, namespaced)
KINDS: Mapping[str, tuple[str, str, bool]] = {
    "ClusterRole": ("apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "ConfigMap": ("api/v1", "configmaps", True),
    "Deployment": ("apis/apps/v1", "deployments", True),
    "DeviceClass": (f"apis/{RESOURCE_API}", "deviceclasses", False),
    "DeviceTaintRule": (f"apis/{TAINT_RULE_API or V1}", "devicetaintrules", False),
    "Event": ("apis/events.k8s.io/v1", "events", True),
    "Job": ("apis/batch/v1", "jobs", True),
    "MutatingAdmissionPolicy": (
        "apis/admissionregistration.k8s.io/v1",
        "mutatingadmissionpolicies",
        False,
    ),
    "MutatingAdmissionPolicyBinding": (
        "apis/admissionregistration.k8s.io/v1",
        "mutatingadmissionpolicybindings",
        False,
    ),
    "Namespace": ("api/v1", "namespaces", False),
    "Node": ("api/v1", "nodes", False),
    "Pod": ("api/v1", "pods", True),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets", True),
    "PodGroup": ("apis/scheduling.k8s.io/v1beta1", "podgroups", True),
    "PersistentVolume": ("api/v1", "persistentvolumes", False),
    "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims", True),
    "PriorityClass": ("apis/scheduling.k8s.io/v1", "priorityclasses", False),
    "ResourceClaim": (f"apis/{RESOURCE_API}", "resourceclaims", True),
    "ResourceClaimTemplate": (f"apis/{RESOURCE_API}", "resourceclaimtemplates", True),
    "Secret": ("api/v1", "secrets", True),
    "ServiceAccount": ("api/v1", "serviceaccounts", True),
    "StorageClass": ("apis/storage.k8s.io/v1", "storageclasses", False),
    "ResourceSlice": (f"apis/{RESOURCE_API}", "resourceslices", False),
}


class ApiError(Exception):
    """The API server answered with an error; `code` is the HTTP status, the text its own message."""

    def __init__(self, response: httpx.Response) -> None:
        request = response.request
        body = response.json() if "json" in response.headers.get("content-type", "") else response.text
        self.code = response.status_code
        self.message = body.get("message", "") if isinstance(body, dict) else body
        details = body.get("details") if isinstance(body, dict) else None
        # What is wrong with which field of the object.
        self.causes: dict[str, str] = {
            cause.get("field", ""): cause.get("message", "") for cause in (details or {}).get("causes", ())
        }
        super().__init__(f"{request.method} {request.url.path}: {self.code} {self.message}")


class NotFoundError(ApiError):
    """There is no such object (404)."""


class Api:
    """One user's view of the API server."""

    def __init__(self, server: str, token: str, ca: Path, *, acting_as: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"}
        if acting_as:
            headers["Impersonate-User"] = acting_as
        self._http = httpx.Client(
            base_url=server,
            headers=headers,
            verify=tls.trusting(ca),
            timeout=20,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def create(self, body: JsonObject, namespace: str = "", *, manager: str = "") -> JsonObject:
        """POST to the API version that the object names, in its own namespace unless another is given."""
        if body["apiVersion"] == V1 and body["kind"] != "DeviceTaintRule":
            body = body | {"apiVersion": RESOURCE_API}
        namespace = namespace or body["metadata"].get("namespace", "")
        path = self._path(body["kind"], namespace, version=body["apiVersion"])
        return self._call("POST", path, json=body, params=_managed(manager))

    def bind(self, pod: str, namespace: str, node: str) -> None:
        """What a scheduler does at the end: pods/binding."""
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
        self._call("POST", self._path("Pod", namespace, pod, "binding"), json=body)

    def token(self, account: str, namespace: str) -> str:
        """A token of a service account, good for an hour."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return self._call("POST", self._path("ServiceAccount", namespace, account, "token"), json=body)[
            "status"
        ]["token"]

    def get(self, kind: str, name: str, namespace: str = "") -> JsonObject:
        return self._call("GET", self._path(kind, namespace, name))

    def find(self, kind: str, name: str, namespace: str = "") -> JsonObject | None:
        """The object, or None where there is none."""
        try:
            return self.get(kind, name, namespace)
        except NotFoundError:
            return None

    def list(self, kind: str, namespace: str = "", **query: str) -> list[JsonObject]:
        """The objects of a namespace, or of all. `query`: labelSelector, fieldSelector, ..."""
        return self._call("GET", self._path(kind, namespace), params=query)["items"]

    def patch(
        self,
        kind: str,
        name: str,
        body: JsonObject,
        namespace: str = "",
        *,
        subresource: str = "",
        manager: str = "",
    ) -> JsonObject:
        """A merge patch. `manager`: the name that the API server keeps with what it changes."""
        headers = {"Content-Type": "application/merge-patch+json"}
        path = self._path(kind, namespace, name, subresource)
        return self._call("PATCH", path, json=body, headers=headers, params=_managed(manager))

    def delete(
        self, kind: str, name: str, namespace: str = "", *, grace: int | None = None, uid: str | None = None
    ) -> None:
        """DELETE; an object that is gone already is fine. `grace` in seconds; `uid`: only the one of that uid
        (409 if another has its name by now)."""
        options: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        with contextlib.suppress(NotFoundError):
            self._call("DELETE", self._path(kind, namespace, name), json=options)

    def ready(self) -> bool:
        return self._http.get("/readyz").status_code == httpx.codes.OK

    @staticmethod
    def _path(kind: str, namespace: str, name: str = "", subresource: str = "", version: str = "") -> str:
        group, plural, namespaced = KINDS[kind]
        if version:
            group = f"apis/{version}" if "/" in version else f"api/{version}"
        parts = [
            group,
            *(("namespaces", namespace) if namespaced and namespace else ()),
            plural,
            name,
            subresource,
        ]
        return "/" + "/".join(part for part in parts if part)

    def send(self, method: str, kind: str, name: str, namespace: str, text: bytes = b"") -> None:
        """Sends JSON as it is (a JSON patch), and does not read the object in the response.

        For objects that nest too deep for that.
        """
        media_type = "application/json-patch+json" if method == "PATCH" else "application/json"
        path, headers = self._path(kind, namespace, name), {"Content-Type": media_type}
        response = self._http.request(method, path, content=text, headers=headers)
        if response.is_error:
            raise ApiError(response)

    def _call(self, method: str, path: str, **how: Any) -> JsonObject:
        response = self._http.request(method, path, **how)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NotFoundError(response)
        if response.is_error:
            raise ApiError(response)
        return response.json()


def _managed(manager: str) -> dict[str, str]:
    return {"fieldManager": manager} if manager else {}
