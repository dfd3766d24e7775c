"""Settings of preemption with devices."""

from typing import Literal

from pydantic import BaseModel, Field

from app.settings.serving import Seconds


class PreemptionSettings(BaseModel):
    """A part of ``app.settings.Settings``."""

    preemption: Literal["off", "evict", "answer"] = "off"
    """evict: evict Pods of lower priority that hold devices for a Pod that fits nowhere. Requires
    permission to create pods/eviction and to list and watch poddisruptionbudgets. answer: kube-scheduler
    gets the Pods to evict, with the calls that it makes from 1.38 on; needs to list and watch
    poddisruptionbudgets."""

    preemption_hold_seconds: Seconds = 60.0
    """How long devices freed by evictions are reserved for their Pod."""

    preemption_evictions_per_second: float = Field(5.0, gt=0, le=1000)
    """Maximum number of evictions per second."""
