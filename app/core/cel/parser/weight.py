"""How large an expression is once its macros are written out.

A macro may use its target several times: a chain of n optMap() has 2**n nodes. cel-go does not bound
that, and does not come back.
"""

from app.core.cel.common.ast import Expr, children
from app.core.cel.common.errors import CelCompileError

MAX_COPIED = 4_000
"""Nodes of a target that a macro may use twice: a chain of eight optMap() has them."""


def check_copied(target: Expr) -> None:
    """Refuses a target that is too large to be written out twice. O(nodes, up to the limit).

    Raises:
        CelCompileError: it is.
    """
    number = 0
    stack = [target]
    while stack:
        stack += children(stack.pop())
        number += 1
        if number > MAX_COPIED:
            message = (
                f"expression has too many nodes: a macro's target of more than {MAX_COPIED} is used twice"
            )
            raise CelCompileError(message, target.pos)
