"""Catches up: a new leader must know the writes of the previous one before it decides.

An informer receives events after a delay. A new leader that decided at once would allocate devices that
the old one has just allocated. So after it has acquired the lease, it reads the newest resourceVersion of
any claim from the API server, and waits until its informer has reached it. By then the old leader no
longer writes: its lease, less a margin, has expired, or it has released it after its last write.
"""

from app.cluster.client.backoff import Clock
from app.cluster.client.client import ApiClient
from app.cluster.informers.informer import Informer

_POLL_SECONDS = 0.02


async def catch_up(client: ApiClient, claims: Informer, clock: Clock, *, page_size: int = 500) -> None:
    """Returns when the informer has delivered all writes from before the call, except deletions: treating
    a deleted claim as existing is safe.

    Raises: ClusterError. Cost: a list of the claims' metadata.
    """
    await claims.wait_synced()
    newest = await client.newest_version(claims.resource.path(), limit=page_size)
    # Versions are numbers and may be compared (KEP-5504).
    while claims.version < newest:
        await clock.sleep(_POLL_SECONDS)
