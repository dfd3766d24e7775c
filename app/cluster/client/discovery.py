"""Discovers the resources that the API server serves, and their version."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from app.cluster.client.client import ApiClient
from app.cluster.client.errors import ClusterError, NotFoundError, NotServedError
from app.core.json_object import JsonObject

log = logging.getLogger(__name__)

GROUP = "resource.k8s.io"

# Newest first. v1beta1 is served since Kubernetes 1.32; the v1alpha3 of 1.31 had different claims, and
# later contains only alpha types (k8s.io/api/resource/*/register.go).
_VERSIONS = ("v1", "v1beta2", "v1beta1")
_RULE_VERSIONS = ("v1", "v1beta2", "v1beta1", "v1alpha3")
_SCHEDULING = "scheduling.k8s.io"
_GROUP_VERSIONS = ("v1", "v1beta1", "v1alpha3", "v1alpha2")
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
_POD_GROUP = ("podgroups", "PodGroup")


@dataclass(frozen=True, slots=True)
class Served:
    """The served kinds of resource.k8s.io in one cluster, and PodGroups, which may have claims too.

    ``device_taint_rule`` and ``pod_group`` are None where the API is off, as they are by default before
    Kubernetes 1.37, and in 1.37.
    """

    resource_slice: Resource
    resource_claim: Resource
    resource_claim_template: Resource
    device_class: Resource
    device_taint_rule: Resource | None = None
    pod_group: Resource | None = None

    def resources(self) -> tuple[Resource, ...]:
        optional = (self.device_taint_rule, self.pod_group)
        return (
            self.resource_slice,
            self.resource_claim,
            self.resource_claim_template,
            self.device_class,
            *(resource for resource in optional if resource is not None),
        )

    def __str__(self) -> str:
        return ", ".join(f"{item.plural} {item.version}" for item in self.resources())


async def discover(client: ApiClient) -> Served:
    """Discovers the served versions of resource.k8s.io, and selects the newest one with all required kinds.

    Cost: at most ten small requests.

    Raises: NotServedError if no version has all of slices, claims, templates and classes; else as ApiClient.
    """
    group = _Group(client, GROUP)
    offered = await group.versions()
    for version in _VERSIONS:
        if version in offered and _REQUIRED.keys() <= (await group.kinds(version)).keys():
            rule = await group.newest(_RULE_VERSIONS, _RULE[0])
            groups = await _Group(client, _SCHEDULING).newest(_GROUP_VERSIONS, _POD_GROUP[0])
            return _served(version, rule, groups)
    msg = (
        f"the API server serves {_listing(offered)} of {GROUP}, and none of {', '.join(_VERSIONS)} with "
        f"{', '.join(_REQUIRED)}: Dynamic Resource Allocation needs Kubernetes 1.34, or an earlier one "
        "with the beta API enabled (kube-apiserver --runtime-config)"
    )
    raise NotServedError(msg)


async def until_served_otherwise(
    client: ApiClient, known: Served, pause: Callable[[], Awaitable[None]]
) -> Served:
    """Returns when the API server serves other kinds, or in other versions, than ``known``.

    They count when two answers in a row have them, as in ``until_changed``. While it serves none of the
    versions that are needed, nothing has changed: it may be starting.

    Args:
        pause: waits between two questions.
    """
    before = known
    while True:
        await pause()
        try:
            now = await discover(client)
        except ClusterError as error:
            log.info("what the API server serves is not known at the moment: %s", error)
            continue
        if now == before != known:
            return now
        before = now


class _Group:
    """The served versions and kinds of one API group, each requested once."""

    def __init__(self, client: ApiClient, name: str) -> None:
        self._client = client
        self._name = name
        self._versions: frozenset[str] | None = None
        self._kinds: dict[str, Mapping[str, str]] = {}

    async def versions(self) -> frozenset[str]:
        """Empty if the group is not served."""
        if self._versions is None:
            entries = (await self._get(f"/apis/{self._name}")).get("versions") or ()
            self._versions = frozenset(str(item.get("version")) for item in entries if isinstance(item, dict))
        return self._versions

    async def kinds(self, version: str) -> Mapping[str, str]:
        """Plural names and kinds, without subresources; none if it was disabled since."""
        if version not in self._kinds:
            entries = (await self._get(f"/apis/{self._name}/{version}")).get("resources") or ()
            self._kinds[version] = {
                str(item["name"]): str(item.get("kind"))
                for item in entries
                if isinstance(item, dict) and "/" not in str(item.get("name", "/"))
            }
        return self._kinds[version]

    async def newest(self, versions: Sequence[str], plural: str) -> str | None:
        """The first of these versions that is served with this kind."""
        offered = await self.versions()
        for version in versions:
            if version in offered and plural in await self.kinds(version):
                return version
        return None

    async def _get(self, path: str) -> JsonObject:
        try:
            return await self._client.get(path)
        except NotFoundError:
            return {}


def _served(version: str, rule_version: str | None, group_version: str | None) -> Served:
    slices, claims, templates, classes = (
        Resource(GROUP, version, plural, kind, namespaced=namespaced)
        for plural, (kind, namespaced) in _REQUIRED.items()
    )
    rule = Resource(GROUP, rule_version, *_RULE, namespaced=False) if rule_version else None
    groups = Resource(_SCHEDULING, group_version, *_POD_GROUP, namespaced=True) if group_version else None
    return Served(slices, claims, templates, classes, rule, groups)


def _listing(versions: Sequence[str] | frozenset[str]) -> str:
    return ", ".join(sorted(versions)) or "no version"


def _segment(name: str) -> str:
    # The rule of the API server for any name (apimachinery, IsValidPathSegmentName); a query or a fragment
    # would end the path as well.
    if name in {".", ".."} or not _SEGMENT.fullmatch(name):
        raise ValueError(f"not a name of an object: {name!r}")
    return name
