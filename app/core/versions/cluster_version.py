"""The version of a cluster, and the feature gates that are on, as the cluster reports them.

The API server answers ``/version``, and its metric ``kubernetes_feature_enabled`` has the gates. A snapshot
keeps both in the annotations of its List.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.versions.gates import Gate
from app.core.versions.kubernetes_version import (
    DEFAULT,
    OLDEST,
    KubernetesVersion,
    VersionError,
    version_named,
)

VERSION_ANNOTATION = "dra-extender/kubernetes-version"
GATES_ANNOTATION = "dra-extender/feature-gates"

_METRIC = re.compile(rb'^kubernetes_feature_enabled\{name="([A-Za-z0-9]+)"[^}\n]*\} ([01])', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ClusterVersion:
    """The version of a cluster.

    ``server`` is what its API server calls itself, like ``v1.37.2``; empty: not known.
    ``version`` is the one whose rules hold: with ``--emulated-version`` an older one. ``gates`` are the
    feature gates as far as known, of those in the table of this version; None: only its defaults are known.
    """

    server: str = ""
    version: KubernetesVersion = DEFAULT
    gates: Mapping[str, bool] | None = None

    def __str__(self) -> str:
        parts = [self.server or str(self.version)]
        if self.server and not self.server.startswith(f"v{self.version}."):
            parts.append(f"with the rules of {self.version}")
        if self.gates is None:
            parts.append("default feature gates")
        return ", ".join(parts)

    @property
    def changed_gates(self) -> dict[str, bool]:
        """The gates that are not as this version has them by default."""
        known: Mapping[str, Gate] = self.version.gates
        return {name: on for name, on in (self.gates or {}).items() if on != known[name].on}

    def annotations(self) -> dict[str, str]:
        """What a snapshot records; ``recorded`` reads it."""
        found = {VERSION_ANNOTATION: self.server if self._is_of_server() else str(self.version)}
        if self.gates is not None:
            texts = (f"{name}={str(on).lower()}" for name, on in sorted(self.gates.items()))
            found[GATES_ANNOTATION] = ",".join(texts)
        return found

    def _is_of_server(self) -> bool:
        """Whether the rules follow from the server's version alone, in this release or a later one."""
        try:
            return version_named(self.server) is self.version
        except VersionError:
            return False


def of_server(answer: Mapping[str, Any], gates: Mapping[str, bool] | None = None) -> ClusterVersion:
    """The version by the answer of ``GET /version`` (k8s.io/apimachinery/pkg/version).

    One older than all known versions has the rules of the oldest, and one newer those of the newest; an
    answer without a version has the default's.
    """
    server = str(answer.get("gitVersion") or "")
    emulated = [str(answer.get(key) or "") for key in ("emulationMajor", "emulationMinor")]
    version = _nearest(".".join(emulated) if all(emulated) else server)
    return ClusterVersion(server, version, _known(version, gates))


def gates_in_metrics(text: bytes) -> dict[str, bool]:
    """The feature gates in metrics of a Kubernetes component, in the text format. O(length)."""
    return {name.decode(): on == b"1" for name, on in _METRIC.findall(text)}


def recorded(document: Any) -> ClusterVersion | None:
    """The version that a List of a snapshot records, or None.

    Raises:
        VersionError: the annotation holds something else than a known version, or than gates.
    """
    metadata = document.get("metadata") if isinstance(document, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(annotations, dict) or VERSION_ANNOTATION not in annotations:
        return None
    text = str(annotations[VERSION_ANNOTATION])
    version = version_named(text)
    gates = None
    if GATES_ANNOTATION in annotations:
        gates = _gates(str(annotations[GATES_ANNOTATION]))
    return ClusterVersion(text if text.startswith("v") else "", version, _known(version, gates))


def _nearest(text: str) -> KubernetesVersion:
    try:
        return version_named(text)
    except VersionError:
        return OLDEST if re.match(r"v?[01]\.\d", text) else DEFAULT


def _known(version: KubernetesVersion, gates: Mapping[str, bool] | None) -> dict[str, bool] | None:
    if gates is None:
        return None
    return {name: on for name, on in gates.items() if name in version.gates}


def _gates(text: str) -> dict[str, bool]:
    """Raises: VersionError."""
    found: dict[str, bool] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if not name or value not in ("true", "false"):
            raise VersionError(f"{GATES_ANNOTATION} has {part!r}, which is not NAME=true or NAME=false")
        found[name] = value == "true"
    return found
