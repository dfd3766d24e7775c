"""Errors that are kept after they were caught."""

from typing import TypeVar

_E = TypeVar("_E", bound=BaseException)


def kept(error: _E) -> _E:
    """The error itself, without the frames that it passed.

    A frame refers to those that called it, with all their variables: the whole inventory of that moment, for
    as long as the error is kept. And if one of these variables refers to the error, they are a cycle, which
    the garbage collector frees, all at once.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error
