"""The version of this program."""

from functools import cache
from importlib.metadata import version


@cache
def program_version() -> str:
    """As installed. Read from a file once: each reading takes a millisecond, and leaves cycles of objects."""
    return version("dra-extender")
