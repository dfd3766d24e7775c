"""Templates of manifests: text that becomes YAML, or another object, once it is rendered."""

import re

_GO = re.compile(r"\{\{")
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


def unrendered(text: str) -> tuple[int, str] | None:
    """The offset of the first sign of a template and what to do about it; None if there is no sign."""
    found = _GO.search(text)
    if found is not None:
        return found.start(), "is a Helm or Go template: render it first, as with `helm template`"
    found = _VARIABLE.search(text)
    if found is not None:
        return (
            found.start(),
            f"has variables to be filled in, like {found[0]}: do that first, as with `envsubst`",
        )
    return None
