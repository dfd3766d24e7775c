"""Discovers the resources that the API server serves, and their version."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.cluster.client.client import ApiClient
from app.cluster.client.errors import ClusterError, NotFoundError, NotServedError
from app.core.json_object import JsonObject

GROUP = "resource.k8s.io"

# Newest first. v1beta1 is served since Kubernetes 1.32; the v1alpha3 of 1.31 had different claims, and
# later contains only alpha types (k8s.io/api/resource/*/register.go).
_VERSIONS = ("v1", "v1beta2", "v1beta1")
_RULE_VERSIONS = ("v1", "v1beta2", "v1beta1", "v1alpha3")
_SEGMENT = re.compile(r"[^/%?#\\\x00-\x20\x7f-\U0010ffff]*")


@dataclass(frozen=True, slots=True)
class Resource:
    """One served kind: its API version and path."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, of one object, or of its subresource.

        Raises: ValueError for a name that is not a path segment: names also come from webhook bodies.
        """
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if namespace:
            parts += ["namespaces", _segment(namespace)]
        parts.append(self.plural)
        if name:
            parts.append(_segment(name))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


NODE = Resource("", "v1", "nodes", "Node", namespaced=False)
POD = Resource("", "v1", "pods", "Pod", namespaced=True)
BUDGET = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", namespaced=True)
NAMESPACE = Resource("", "v1", "namespaces", "Namespace", namespaced=False)

_REQUIRED = {
    "resourceslices": ("ResourceSlice", False),
    "resourceclaims": ("ResourceClaim", True),
    "resourceclaimtemplates": ("ResourceClaimTemplate", True),
    "deviceclasses": ("DeviceClass", False),
}
_RULE = ("devicetaintrules", "DeviceTaintRule")


@dataclass(frozen=True, slots=True)
class Served:
    """The served kinds of resource.k8s.io in one cluster.

    ``device_taint_rule`` is None where the API is off, as it is by default before Kubernetes 1.37.
    """

    resource_slice: Resource
    resource_claim: Resource
    resource_claim_template: Resource
    device_class: Resource
    device_taint_rule: Resource | None = None

    def resources(self) -> tuple[Resource, ...]:
        rule = (self.device_taint_rule,) if self.device_taint_rule else ()
        return (
            self.resource_slice,
            self.resource_claim,
            self.resource_claim_template,
            self.device_class,
            *rule,
        )


async def discover(client: ApiClient) -> Served:
    """Discovers the served versions of resource.k8s.io, and selects the newest one with all required kinds.

    Cost: at most five small requests.

    Raises: NotServedError if no version has all of slices, claims, templates and classes; else as ApiClient.
    """
    offered = await _offered_versions(client)
    lists: dict[str, Mapping[str, str]] = {}
    for version in _VERSIONS:
        if version not in offered:
            continue
        lists[version] = await _served_in(client, version)
        if all(plural in lists[version] for plural in _REQUIRED):
            rule = await _rule_version(client, offered, lists)
            return _served(version, rule)
    msg = (
        f"the API server serves {_listing(offered)} of {GROUP}, and none of {', '.join(_VERSIONS)} with "
        f"{', '.join(_REQUIRED)}: Dynamic Resource Allocation needs Kubernetes 1.34, or an earlier one "
        "with the beta API enabled (kube-apiserver --runtime-config)"
    )
    raise NotServedError(msg)


async def server_version(client: ApiClient) -> str:
    """The gitVersion of the API server; empty if it does not say. One small request."""
    try:
        return str((await client.get("/version")).get("gitVersion") or "")
    except ClusterError:
        return ""


async def _offered_versions(client: ApiClient) -> frozenset[str]:
    try:
        group = await client.get(f"/apis/{GROUP}")
    except NotFoundError:
        return frozenset()
    return frozenset(
        str(entry.get("version")) for entry in group.get("versions") or () if isinstance(entry, dict)
    )


async def _served_in(client: ApiClient, version: str) -> Mapping[str, str]:
    """Plural names and kinds, without subresources."""
    try:
        answer: JsonObject = await client.get(f"/apis/{GROUP}/{version}")
    except NotFoundError:  # disabled between the two requests
        return {}
    return {
        str(entry["name"]): str(entry.get("kind"))
        for entry in answer.get("resources") or ()
        if isinstance(entry, dict) and "/" not in str(entry.get("name", "/"))
    }


async def _rule_version(
    client: ApiClient, offered: frozenset[str], lists: dict[str, Mapping[str, str]]
) -> str | None:
    for version in _RULE_VERSIONS:
        if version in offered:
            if version not in lists:
                lists[version] = await _served_in(client, version)
            if _RULE[0] in lists[version]:
                return version
    return None


def _served(version: str, rule_version: str | None) -> Served:
    slices, claims, templates, classes = (
        Resource(GROUP, version, plural, kind, namespaced=namespaced)
        for plural, (kind, namespaced) in _REQUIRED.items()
    )
    rule = Resource(GROUP, rule_version, *_RULE, namespaced=False) if rule_version else None
    return Served(slices, claims, templates, classes, rule)


def _listing(versions: Sequence[str] | frozenset[str]) -> str:
    return ", ".join(sorted(versions)) or "no version"


def _segment(name: str) -> str:
    # The rule of the API server for any name (apimachinery, IsValidPathSegmentName); a query or a fragment
    # would end the path as well.
    if name in {".", ".."} or not _SEGMENT.fullmatch(name):
        raise ValueError(f"not a name of an object: {name!r}")
    return name
