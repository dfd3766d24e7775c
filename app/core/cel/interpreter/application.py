"""Calls as steps: the arguments, the cost, the function, in cel-go's order."""

from collections.abc import Callable
from typing import Any

from app.core.cel.common.errors import EvalError, located
from app.core.cel.interpreter.steps import Frame, Run
from app.core.kept_error import kept


def applied(run: Callable[..., Any], cost: Callable[..., int], parts: tuple[Run, ...], pos: int) -> Run:
    """Evaluates the arguments up to the first failure. ``pos``: of the call."""
    before, last = parts[:-1], parts[-1:]

    def apply(frame: Frame) -> Any:
        args = [part(frame) for part in before]
        try:
            args.extend(part(frame) for part in last)
        except EvalError as error:
            # cel-go charges for a call once its last argument is evaluated, whatever came out.
            args += [None] * (len(parts) - len(args))
            frame.charge(cost(args))
            raise located(error, pos) from None
        frame.charge(cost(args))
        try:
            return run(*args)
        except EvalError as error:
            raise located(error, pos) from None

    return apply


def applied_to_two(
    run: Callable[..., Any], cost: Callable[..., int], parts: tuple[Run, ...], pos: int
) -> Run:
    """cel-go evaluates the second operand of these even when the first one has failed."""
    one, other = parts

    def apply(frame: Frame) -> Any:
        failed: EvalError | None = None
        left = right = None
        try:
            left = one(frame)
        except EvalError as error:
            failed = kept(error)
        try:
            right = other(frame)
        except EvalError as error:
            failed = failed or kept(error)
        frame.charge(cost((left, right)))
        if failed is not None:
            raise failed.again()
        try:
            return run(left, right)
        except EvalError as error:
            raise located(error, pos) from None

    return apply
