"""Settings of an informer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InformerSettings:
    """Settings to list and watch one resource."""

    page_size: int = 500
    """Page size of a list: client-go's."""

    watch_list: bool = True
    """Read the initial objects as a stream instead of pages, if the server supports it."""

    watch_seconds: tuple[float, float] = (300.0, 600.0)
    """The range of a watch's duration on the server: spreads watches over API servers."""

    read_timeout_seconds: float = 70.0
    """A watch that is silent for this long is renewed.

    The API server sends bookmarks about every 60 s, but none for a resource without changes since its
    start (apiserver, storage/cacher): such a watch is renewed each time, with two small requests.
    """

    initial_read_timeout_seconds: float = 15.0
    """A stream of initial objects that is silent for this long is replaced by pages."""

    resume_tries: int = 3
    """Number of consecutive refusals of a resumed watch after which a list follows: the version may be
    from before a restore of etcd, which the server may not recognize as invalid.
    """
