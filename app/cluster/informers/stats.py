"""Counters of an informer, and the texts of its failures."""

from collections import Counter

from app.cluster.client.discovery import Resource
from app.cluster.client.errors import ApiError, ClusterError, ForbiddenError


class Stats:
    """Counters. ``relists`` by reason, without the first list; ``renewals`` of silent watches; times are the
    clock's.
    """

    def __init__(self) -> None:
        self.synced = False
        self.events: Counter[str] = Counter()
        self.relists: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.renewals = 0
        self.bad_objects = 0
        self.last_event_at: float | None = None


def failure_name(error: ClusterError) -> str:
    """The HTTP status, or without one the kind of error, such as ConnectionFailed: a label of a metric."""
    return str(error.status) if isinstance(error, ApiError) else type(error).__name__.removesuffix("Error")


def explained(resource: Resource, error: ClusterError) -> str:
    """What to do about a failed request, if known; else its text."""
    if isinstance(error, ForbiddenError):
        group, plural = resource.group, resource.plural
        return (
            f"not allowed to read {plural}: the ClusterRole needs a rule with "
            f'apiGroups: ["{group}"], resources: ["{plural}"], verbs: ["get", "list", "watch"] ({error})'
        )
    return str(error)
