"""Settings of the overview."""

from pathlib import Path
from typing import Any

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

    @field_validator("overview_labels", mode="before")
    @classmethod
    def _split_labels(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return tuple(value) if isinstance(value, list) else value
