"""Cursors of lists: the name of the last item of a page, in a form that shows whether it is damaged.

A cursor that was cut off would otherwise be a name, from which a list continues at the wrong place.
"""

import base64
import binascii
import zlib
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_CHECK_BYTES = 4


def cursor_after(name: str | None) -> str | None:
    """``next`` of a page that ends with this item. None: there are no more."""
    if name is None:
        return None
    text = name.encode()
    check = zlib.crc32(text).to_bytes(_CHECK_BYTES)
    return base64.urlsafe_b64encode(check + text).rstrip(b"=").decode()


def _name_in(cursor: str) -> str:
    """The name in a cursor; empty for none. Raises: PydanticCustomError."""
    if not cursor:
        return ""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name = base64.b64decode(padded, altchars=b"-_", validate=True)[_CHECK_BYTES:].decode()
    except (binascii.Error, UnicodeError):
        name = ""
    if cursor_after(name) != cursor:
        raise PydanticCustomError("cursor", "must be `next` of an earlier page, unchanged")
    return name


Cursor = Annotated[str, Query(description="`next` of the previous page."), AfterValidator(_name_in)]
"""The name of the last item of the previous page; empty for the first page."""
