"""Whether an API server would store an expression: its checks beyond those of kube-scheduler.

kubernetes pkg/apis/resource/validation, validateCELExpression: a length, the environment of expressions
that are being written, and a bound on the estimated cost. What an API server has stored has passed, so
scheduling a Pod never needs this; it is for manifests that are not applied yet.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import Any

from app.core.cel.common.ast import Expr
from app.core.cel.common.errors import CelCompileError
from app.core.cel.compiler.compiler import deep, place
from app.core.cel.estimate import Estimator
from app.core.cel.estimate.blame import BEYOND, Blame, blamed
from app.core.kept_error import kept
from app.core.selectors.device_sizes import DEVICE_SIZES
from app.core.selectors.environment import CelFeatures, compile_expression
from app.core.versions.cel_rules import CelRules

MAX_BYTES = 10 * 1024
"""CELSelectorExpressionMaxLength in k8s.io/api/resource/v1."""
MAX_COST = 1_000_000
"""CELSelectorExpressionMaxCost there, and DeviceClaimDerivedAttributeCELMaxCost."""

_GATES = {"DRAListTypeAttributes": "list_type_attributes", "DRAConsumableCapacity": "consumable_capacity"}
_KEPT = 1024  # a thousand claims made from one template ask once


@dataclass(frozen=True, slots=True)
class Admission:
    """The result. ``cost`` is the estimate, 0 if there is none; ``error`` is the reason for refusal."""

    cost: int
    error: CelCompileError | None


def admit(text: str, features: CelFeatures, *, derived: bool = False) -> Admission:
    """Checks as an API server with these feature gates would; ``new_expressions`` is implied.

    Cost: that of compiling, and a walk over the tree; of a text checked recently, nothing.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) > MAX_BYTES:
        end = len(raw[:MAX_BYTES].decode("utf-8", "ignore"))
        return Admission(
            0, _error(text, end, f"the API server takes at most {MAX_BYTES} bytes, not {len(raw)}")
        )
    return _admitted(text, features, derived=derived)


@lru_cache(maxsize=_KEPT)
def _admitted(text: str, features: CelFeatures, *, derived: bool) -> Admission:
    written = replace(features, new_expressions=True)
    try:
        tree = compile_expression(text, written, derived=derived).tree
    except CelCompileError as error:
        return Admission(0, _refused(text, written, kept(error), derived=derived))
    return _estimated(text, tree, written.rules)


def _refused(text: str, written: CelFeatures, error: CelCompileError, *, derived: bool) -> CelCompileError:
    """The error; if only feature gates are missing, it names them, no more than necessary."""
    off = [gate for gate, name in _GATES.items() if not getattr(written, name)]
    for missing in (gates for count in range(1, len(off) + 1) for gates in combinations(off, count)):
        switches: dict[str, Any] = {_GATES[gate]: True for gate in missing}
        try:
            compile_expression(text, replace(written, **switches), derived=derived)
        except CelCompileError:
            continue
        gates = f"gate{'s' if len(missing) > 1 else ''} {' and '.join(missing)}"
        hint = f"; the API server takes it only with the feature {gates} on"
        return CelCompileError(error.message + hint, error.column, error.line)
    return error


def estimator_of(rules: CelRules) -> Estimator:
    """What estimates an expression as an API server of that version does."""
    return Estimator(DEVICE_SIZES, rules.estimated_before, sized_parts=rules.sized_parts)


def _estimated(text: str, tree: Expr, rules: CelRules) -> Admission:
    estimator = estimator_of(rules)
    cost = deep(lambda: estimator.cost(tree)).high
    if cost <= MAX_COST:
        return Admission(cost, None)
    blame = deep(lambda: blamed(tree, estimator, MAX_COST))
    return Admission(cost, _error(text, blame.pos, _too_complex(cost, blame)))


def _error(text: str, offset: int, message: str) -> CelCompileError:
    line, column = place(text, offset)
    return CelCompileError(message, column, line)


def _too_complex(cost: int, blame: Blame) -> str:
    estimate = "has no bound" if cost >= BEYOND else f"is {cost:,}"
    limit = f"the API server takes at most {MAX_COST:,}"
    return f"too complex: the estimated cost {estimate}, {limit}; {blame.message}"
