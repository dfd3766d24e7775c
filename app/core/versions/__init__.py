"""What each minor version of Kubernetes does differently, as data.

``version_named("1.34")`` is the value for a version: its feature gates, the versions of resource.k8s.io that
it serves, and the rules of its allocator, CEL, controllers and scheduler. ``Features.of(version, gates)`` in
``app.core.model.features`` is what every decision takes. Nothing else in the project compares versions.
"""

from app.core.versions.gates import Gate
from app.core.versions.kubernetes_version import (
    API_ENDS,
    DEFAULT,
    NEWEST,
    OLDEST,
    VERSIONS,
    KubernetesVersion,
    VersionError,
    is_newer_than_known,
    version_named,
)

__all__ = [
    "API_ENDS",
    "DEFAULT",
    "NEWEST",
    "OLDEST",
    "VERSIONS",
    "Gate",
    "KubernetesVersion",
    "VersionError",
    "is_newer_than_known",
    "version_named",
]
