"""Turns reasons, which are data, into text for people: short, grouped, in a stable order."""

from app.core.diagnosis.causes import causes_of
from app.core.diagnosis.messages import (
    code_distance,
    distance,
    grouped,
    headline,
    nearest_code,
    node_message,
    summary,
)

__all__ = [
    "causes_of",
    "code_distance",
    "distance",
    "grouped",
    "headline",
    "nearest_code",
    "node_message",
    "summary",
]
