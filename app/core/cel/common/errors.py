"""Errors of CEL expressions, and the two kinds of failure inside an evaluation."""


class CelError(Exception):
    """An expression that does not compile, or that fails on a device.

    ``column`` counts code points from 0 and is None where no place is to blame; ``line`` from 1.
    """

    def __init__(self, message: str, column: int | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.line = line

    def __str__(self) -> str:
        if self.column is None:
            return self.message
        return f"{self.line or 1}:{self.column + 1}: {self.message}"


class CelCompileError(CelError):
    """The expression is wrong in itself: on every device kube-scheduler's allocator reports an error."""


class CelRuntimeError(CelError):
    """The evaluation on one device failed; in-tree this is an error, never "does not match"."""


class EvalError(Exception):
    """A failure that ``&&``, ``||`` and the quantifiers absorb where the other operand decides.

    ``pos`` is the place in the expression, once an operator on the way up has filled it in.
    """

    pos: int | None = None

    def again(self) -> "EvalError":
        """A new error, equal to this one, to raise where this one is kept (``app.core.kept_error``)."""
        error = EvalError(*self.args)
        error.pos = self.pos
        return error


class EvalAbortError(Exception):
    """A failure that ends the whole evaluation: the cost limit, or what makes cel-go panic."""

    pos: int | None = None


class CostLimitError(EvalAbortError):
    """The runtime cost limit."""


MAX_READ = 100_000
"""Code points of a text that is read as a quantity, a duration or a URL: milliseconds of work."""


def check_readable(text: str | bytes, what: str) -> None:
    """Refuses what no API object holds and an expression can only add up.

    Raises:
        EvalAbortError: the text is longer than MAX_READ.
    """
    if len(text) > MAX_READ:
        raise EvalAbortError(f"a text of more than {MAX_READ} characters cannot be read as a {what}")


def located(error: EvalError, pos: int) -> EvalError:
    """The error with the place where it happened, unless it has one."""
    if error.pos is None:
        error.pos = pos
    return error
