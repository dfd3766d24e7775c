"""All settings and their sources: flags > environment (DRA_*) > file (--config) > defaults.

The file has the form of a component config, with keys in camelCase:

    apiVersion: dra-extender/v1alpha1
    kind: ExtenderConfiguration
    policy: spread
    filterTimeoutSeconds: 4
    features: {PartitionableDevices: false}
"""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from app.core.allocator import Limits
from app.core.model.features import NAMES, Features
from app.core.scoring import DEFAULT_POLICY, policy_named
from app.core.versions import version_named
from app.core.versions.cluster_version import ClusterVersion
from app.manifests.reader import ManifestError, load_documents
from app.settings.claims import ClaimSettings
from app.settings.election import LeaderElectSettings
from app.settings.overview import OverviewSettings
from app.settings.preemption import PreemptionSettings
from app.settings.serving import Names, Seconds, ServingSettings
from app.settings.tracing import TracingSettings

API_VERSION = "dra-extender/v1alpha1"
KIND = "ExtenderConfiguration"
ENV_PREFIX = "DRA_"
_OF_COMMANDS = "DRA_EXTENDER_"
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)\Z|_PORT_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?\Z")


class SettingsError(ValueError):
    """Invalid settings; the message names each one and its source."""


class Settings(
    ClaimSettings, LeaderElectSettings, OverviewSettings, PreemptionSettings, ServingSettings, TracingSettings
):
    """All settings. The constructor does not read the environment: ``load_settings`` does."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    kubeconfig: Path | None = None
    """Path of the kubeconfig; default: $KUBECONFIG, the Pod's own credentials, ~/.kube/config."""

    context: str = ""
    """Context in the kubeconfig; default: its current one."""

    snapshot: Names = ()
    """Files, folders or - to serve from instead of a cluster; comma-separated in the environment."""

    policy: str = DEFAULT_POLICY
    """Default scoring policy."""

    candidates: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    """Maximum number of fitting nodes that filter returns, the best first; 0: all. auto: 1, and 8 for Pods
    that kube-scheduler prefers nodes for by what the extender does not know, such as Deployments' replicas.

    The devices are reserved for the Pod on each of these nodes until kube-scheduler has chosen one. With more
    than 1, its own scores count; a Pod gets at most half of the nodes that fit, and one if others may share
    its claims. With 0, nothing is reserved.
    """

    kubernetes_version: str = ""
    """Minor version of Kubernetes whose rules hold, like 1.34; default: the cluster's, for manifests the one
    that the snapshot records, else 1.37."""

    features: dict[str, bool] = Field(default_factory=dict)
    """Allocator feature gates by the names of structured.Features, where those of kube-scheduler differ from
    what the API server reports, or from the defaults of its version."""

    log_format: Literal["json", "text"] = "json"
    """json: one object per line, for log collectors; text: for people."""

    verbosity: int = Field(0, ge=0, le=10)
    """0: what an operator needs; 1: also each filter and prioritize; 2: also each event."""

    cel_engine: Literal["fast", "reference"] = "fast"
    """reference: cel-python where possible, for comparison; slower by orders of magnitude."""

    cel_cache_entries: int = Field(4096, ge=10)
    """Compiled selectors kept, at most; 64 MiB of them in any case."""

    filter_timeout_seconds: Seconds = 4.5
    """Time limit of one filter or prioritize, which then returns the result so far: below
    kube-scheduler's httpTimeout (5 s by default).
    """

    selector_cpu_seconds: Seconds = 30.0
    """CPU time for the selectors of one Pod's claims, spent beside the webhooks if they are too expensive for
    a filter to wait for. Beyond it the Pod is refused with that reason."""

    dry_run_timeout_seconds: Seconds = 60.0
    """Time limit of one dry run."""

    dry_runs: int = Field(4, ge=1)
    """Maximum number of concurrent dry runs. As many may wait for 10 s; others are rejected with 429."""

    dry_run_pods: int = Field(10_000, ge=1)
    """Maximum number of Pods in one dry run."""

    search_steps: int = Field(Limits().max_steps, ge=1)
    """Maximum number of search steps for one Pod on one node; in-tree counts them as
    NumAllocateOneInvocations.
    """

    search_probes: int = Field(Limits().max_probes, ge=1)
    """Maximum number of devices examined in one search."""

    request_timeout_seconds: Seconds = 30.0
    """Time limit of one request to the API server."""

    watch_silence_seconds: Seconds = 70.0
    """A watch without events for this long is renewed; bookmarks arrive about every 60 s."""

    version_check_seconds: Seconds = 300.0
    """Interval of questions for the API server's version and feature gates. The process ends when they have
    changed, to start again with other rules."""

    list_page_size: int = Field(500, ge=1)
    """Page size of lists from the API server."""

    @field_validator("snapshot", mode="before")
    @classmethod
    def _paths(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(path.strip() for path in value.split(",") if path.strip())
        return tuple(str(path) for path in value) if isinstance(value, list | tuple) else value

    @field_validator("features", mode="before")
    @classmethod
    def _switches(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = dict(_switch(text.strip()) for text in value.split(",") if text.strip())
        for name in value if isinstance(value, dict) else ():
            if name not in NAMES:
                raise ValueError(f"unknown feature {name!r}{_similar(name, NAMES)}")
        return value

    @field_validator("kubernetes_version")
    @classmethod
    def _version(cls, value: str) -> str:
        if value:
            version_named(value)  # as for the policy
        return value

    @field_validator("policy")
    @classmethod
    def _policy(cls, value: str) -> str:
        policy_named(value)  # its error is a ValueError
        return value

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.snapshot and (self.kubeconfig is not None or self.context):
            raise ValueError("snapshot excludes kubeconfig and context")
        if self.snapshot and self.leader_elect:
            raise ValueError("snapshot excludes leader_elect: without a cluster there is no Lease")
        if self.snapshot and self.auth == "token":
            raise ValueError("snapshot excludes auth token: without a cluster tokens cannot be reviewed")
        return self

    def cluster_version(self, found: ClusterVersion) -> ClusterVersion:
        """The version whose rules hold: ``kubernetes_version``, else what was found."""
        if not self.kubernetes_version:
            return found
        return ClusterVersion(found.server, version_named(self.kubernetes_version))

    def features_of(self, cluster: ClusterVersion) -> Features:
        """The features of a cluster, with ``features`` applied."""
        return Features.of(cluster.version, cluster.gates).switched(self.features)


def load_settings(flags: Mapping[str, Any], config: Path | None = None) -> Settings:
    """Combines the settings of all sources.

    Args:
        flags: settings from the command line, by field name; None means not set.
        config: the file of ``--config``.

    Raises:
        SettingsError: names every invalid setting, and its flag, variable or file.
    """
    from_file = _read_file(config) if config is not None else {}
    from_env = _read_environment()
    from_flags = {name: value for name, value in flags.items() if value not in (None, (), [])}
    try:
        return Settings(**{**from_file, **from_env, **from_flags})
    except ValidationError as error:
        origins = [
            (from_flags, lambda name: f"--{name.replace('_', '-')}"),
            (from_env, lambda name: f"{ENV_PREFIX}{name.upper()}"),
            (from_file, lambda name: f"{config}: {to_camel(name)}"),
        ]
        raise SettingsError("\n".join(_lines(error, origins))) from None


def _lines(error: ValidationError, origins: Sequence[tuple[Mapping[str, Any], Any]]) -> list[str]:
    lines = []
    for item in error.errors():
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "string_pattern_mismatch" and "https?" in item["ctx"]["pattern"]:
            message = "must be a URL such as http://127.0.0.1:4318"
        path = [str(part) for part in item["loc"]]
        if not path:
            lines.append(message)
            continue
        naming = next((naming for source, naming in origins if path[0] in source), str)
        place = ".".join([naming(path[0]), *path[1:]])
        lines.append(f"{place}: {message}")
    return lines


def _read_environment() -> dict[str, str]:
    """Reads DRA_* in capital or small letters. Values stay text: the validators split and convert them.

    Raises: SettingsError.
    """
    given = {name.upper(): value for name, value in os.environ.items()}
    names = {ENV_PREFIX + name.upper(): name for name in Settings.model_fields}
    for key, value in given.items():
        if key.startswith(ENV_PREFIX) and key not in names and not _is_of_others(key, value):
            raise SettingsError(f"{key}: unknown setting{_similar(key, names)}")
    return {name: given[key] for key, name in names.items() if key in given}


def _is_of_others(key: str, value: str) -> bool:
    """Whether the commands read this variable, or the kubelet sets it for a Service such as dra-driver."""
    if key.startswith(_OF_COMMANDS) or _SERVICE_LINK.search(key):
        return True
    return key.endswith("_PORT") and "://" in value


def _read_file(path: Path) -> dict[str, Any]:
    try:
        documents = load_documents(path.read_bytes(), str(path))
    except ManifestError as error:
        raise SettingsError(str(error)) from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise SettingsError(f"{path}: must contain one document, of kind {KIND}")
    source = documents[0]
    if (source.pop("apiVersion", None), source.pop("kind", None)) != (API_VERSION, KIND):
        raise SettingsError(f"{path}: apiVersion must be {API_VERSION} and kind {KIND}")
    names = {to_camel(name): name for name in Settings.model_fields}
    for key in source:
        if key not in names:
            raise SettingsError(f"{path}: unknown setting {key!r}{_similar(key, names)}")
    return {names[key]: value for key, value in source.items() if value is not None}


def _switch(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not of the form Name=true or Name=false")
    return name.strip(), value.strip()


def _similar(name: str, names: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else f", only {', '.join(sorted(names))}"
