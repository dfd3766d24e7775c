"""Settings of the overview."""

from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

from app.settings.serving import Names, is_loopback


class OverviewSettings(BaseModel):
    """A part of ``app.settings.Settings``."""

    cluster_name: str = Field("", max_length=253)
    """Name of the cluster, for the page and the API; default: that of the kubeconfig."""

    overview_attribute: str = Field("", max_length=400)
    """Attribute by which the overview groups devices; default: productName, product, model, type or family.
    """

    overview_labels: Names = ()
    """Node labels by which the overview groups devices; default: one for the pool and one for the zone."""

    overview_history_file: Path | None = None
    """File that keeps the last 24 hours of the overview across restarts; default: in memory only."""

    overview_prometheus_url: str = Field("", pattern=r"^(https?://\S+)?$")
    """Address of a Prometheus that scrapes /metrics. It fills the last 24 hours of the overview at the start;
    if it cannot be reached, they come from the file or from memory.
    """

    overview_prometheus_selector: str = Field("", max_length=1000)
    """Label matchers of this installation in that Prometheus, such as `job="dra-extender"`; default: none."""

    overview_prometheus_token_file: Path | None = None
    """File with a bearer token for that Prometheus."""

    overview_prometheus_username: str = Field("", max_length=1000, pattern=r"^[^:]*$")
    """User name for that Prometheus (basic authentication)."""

    overview_prometheus_password_file: Path | None = None
    """File with the password of that user."""

    overview_prometheus_ca_file: Path | None = None
    """File with the certificates of the CAs of that Prometheus; default: those of the system."""

    metrics_groups: tuple[Literal["attribute", "label", "namespace"], ...] = (
        "attribute",
        "label",
        "namespace",
    )
    """Groups of devices in /metrics: by attribute, by labels of nodes, by namespace of the claims."""

    metrics_values: int = Field(50, ge=1, le=1000)
    """Maximum number of values of each of them; the others are counted together as other."""

    @model_validator(mode="after")
    def _guarded_prometheus(self) -> Self:
        basic = self.overview_prometheus_password_file is not None
        if basic != bool(self.overview_prometheus_username):
            raise ValueError(
                "overview_prometheus_username and overview_prometheus_password_file require each other"
            )
        token = self.overview_prometheus_token_file is not None
        if token and basic:
            raise ValueError("overview_prometheus_token_file excludes overview_prometheus_username")
        if (token or basic or self.overview_prometheus_ca_file) and not self.overview_prometheus_url:
            raise ValueError("credentials and CA of a Prometheus require overview_prometheus_url")
        url = urlsplit(self.overview_prometheus_url)
        if url.username or url.password:
            raise ValueError(
                "overview_prometheus_url must not have a user or password; set overview_prometheus_username "
                "and overview_prometheus_password_file"
            )
        if (token or basic) and url.scheme == "http" and not is_loopback(url.hostname or ""):
            raise ValueError("credentials for Prometheus require https in overview_prometheus_url")
        return self

    @field_validator("overview_labels", "metrics_groups", mode="before")
    @classmethod
    def _split_labels(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return tuple(value) if isinstance(value, list) else value
