"""How an informer lists and watches."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InformerSettings:
    """How to list and watch one resource."""

    page_size: int = 500
    """Objects in a page of a list: client-go's."""

    watch_list: bool = True
    """Get the first objects as a stream rather than as pages, where the server can."""

    watch_seconds: tuple[float, float] = (300.0, 600.0)
    """The server ends a watch after a time drawn from here: spreads watches over API servers again."""

    read_timeout_seconds: float = 70.0
    """Silence after which a watch is renewed. The API server sends bookmarks about every 60 s, but none for
    a resource of which nothing has changed since it started (apiserver, storage/cacher): such a watch is
    renewed each time, which costs two small requests."""

    initial_read_timeout_seconds: float = 15.0
    """Silence within the stream of first objects after which pages are asked for instead."""

    resume_tries: int = 3
    """Refusals in a row of a watch that resumes, after which a list is made: the version may be from before a
    restore of etcd, which the server need not recognise as wrong."""
