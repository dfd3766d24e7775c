"""Settings of tracing."""

from pydantic import BaseModel, Field


class TracingSettings(BaseModel):
    """A part of ``app.settings.Settings``."""

    otlp_endpoint: str = Field("", pattern=r"^(https?://[^/\s]+(/\S*)?)?$")
    """Base URL of an OpenTelemetry collector for spans (OTLP over HTTP, usually port 4318); default: no
    tracing. Requires the extra ``tracing``, which the image has.
    """

    trace_ratio: float = Field(1.0, ge=0, le=1)
    """Fraction of requests to trace, unless a traceparent header decides."""
