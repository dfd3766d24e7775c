"""Pages with a part that is made from the program, between two comments."""

import re
from pathlib import Path

_PART = re.compile(r"(<!-- made by [\w./]+ -->\n).*(<!-- end -->\n)", re.DOTALL)


def page_with(page: Path, made: str) -> str:
    """The whole page, its made part replaced. Raises: ValueError if it has none."""
    text, count = _PART.subn(lambda found: f"{found[1]}{made}\n{found[2]}", page.read_text(encoding="utf-8"))
    if count != 1:
        raise ValueError(f"{page}: no part to be made")
    return text
