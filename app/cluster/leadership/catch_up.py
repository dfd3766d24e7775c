"""Catching up: what the leader before has written must be known before anything is decided.

An informer tells what has happened, some time after it has. A new leader that decided on what it has been
told so far would give away devices that the old one has given in its last moments. So it asks the API server,
after it has taken the lease, for the newest resourceVersion of any claim, and waits until its informer is
there. By then the old leader writes no more: its lease, less a margin, has run out, or it has given it back
when its writes were done.
"""

from app.cluster.client.backoff import Clock
from app.cluster.client.client import ApiClient
from app.cluster.informers.informer import Informer

_POLL_SECONDS = 0.02


async def catch_up(client: ApiClient, claims: Informer, clock: Clock, *, page_size: int = 500) -> None:
    """Returns when the informer has told all that was written before the call.

    Deletions apart: a claim that is taken for one that still holds its devices errs on the safe side.

    Raises: ClusterError. Cost: a list of the claims' metadata.
    """
    await claims.wait_synced()
    newest = await client.newest_version(claims.resource.path(), limit=page_size)
    # Versions are numbers and may be compared (KEP-5504).
    while claims.version < newest:
        await clock.sleep(_POLL_SECONDS)
