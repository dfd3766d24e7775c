"""The rules of placement by the settings."""

import datetime as dt
import uuid

from app.core.allocator import Limits
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.versions.cluster_version import ClusterVersion
from app.settings.settings import Settings


def rules_of(settings: Settings, cluster: ClusterVersion) -> Rules:
    """The rules for a cluster of this version, with a separate selector cache."""
    return Rules(
        selectors=SelectorCache(settings.cel_cache_entries, engine=settings.cel_engine),
        new_share_id=lambda: str(uuid.uuid4()),
        features=settings.features_of(cluster),
        policy=settings.policy,
        limits=Limits(max_steps=settings.search_steps, max_probes=settings.search_probes),
        now=now,
        binding_timeout_seconds=settings.binding_timeout_seconds,
        other_namespaces=False,
    )


def now() -> dt.datetime:
    """The time of day."""
    return dt.datetime.now(dt.UTC)


def now_text() -> str:
    """The time of day as in the API: RFC 3339, whole seconds."""
    return now().isoformat(timespec="seconds").replace("+00:00", "Z")
