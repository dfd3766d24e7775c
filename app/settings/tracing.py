"""Settings of tracing."""

from pydantic import BaseModel, Field


class TracingSettings(BaseModel):
    """A part of ``app.settings.Settings``."""

    otlp_endpoint: str = Field("", pattern=r"^(https?://[^/\s]+(/\S*)?)?$")
    """Base URL of an OpenTelemetry collector that spans are sent to (OTLP over HTTP, port 4318 by custom);
    none given: nothing is traced. Needs the extra `tracing`, which the image has."""

    trace_ratio: float = Field(1.0, ge=0, le=1)
    """Part of the requests that are traced, where their caller does not say by a traceparent header."""
