"""Settings of the overview."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from app.settings.serving import Names


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

    metrics_groups: tuple[Literal["attribute", "label", "namespace"], ...] = (
        "attribute",
        "label",
        "namespace",
    )
    """Groups of devices in /metrics: by attribute, by labels of nodes, by namespace of the claims."""

    metrics_values: int = Field(50, ge=1, le=1000)
    """Maximum number of values of each of them; the others are counted together as other."""

    @field_validator("overview_labels", "metrics_groups", mode="before")
    @classmethod
    def _split_labels(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return tuple(value) if isinstance(value, list) else value
