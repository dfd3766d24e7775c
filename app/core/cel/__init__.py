"""Common Expression Language as Kubernetes 1.37 evaluates it, with cel-go's costs and errors.

Knows nothing of Kubernetes objects: an ``Environment`` declares variables and their types. See README.md
in this folder.
"""

from collections.abc import Mapping

from app.core.cel.checker.environment import Environment
from app.core.cel.common import types
from app.core.cel.common.errors import CelCompileError, CelError, CelRuntimeError
from app.core.cel.common.types import Type
from app.core.cel.compiler.compiler import Program, compile, deep  # noqa: A004 - cel-go's name
from app.core.cel.estimate import Declared, Estimator
from app.core.cel.library.runtime_cost import LIMIT


def estimate(program: Program, sizes: Mapping[str, Declared]) -> tuple[int, int]:
    """The least and the most that an evaluation can cost, in cel-go's units.

    ``sizes`` declares how large the variables can be, by name; what is not declared has no bound, and
    2**64 - 1 is the cost that nothing bounds. O(nodes of the expression).
    """
    cost = deep(lambda: Estimator(sizes).cost(program.tree))
    return cost.low, cost.high


__all__ = [
    "LIMIT",
    "CelCompileError",
    "CelError",
    "CelRuntimeError",
    "Declared",
    "Environment",
    "Program",
    "Type",
    "compile",
    "estimate",
    "types",
]
