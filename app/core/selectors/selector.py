"""Program selectors and derived attributes."""

from collections.abc import Callable
from typing import Any, Literal

from app.core.cel import LIMIT, CelCompileError, CelRuntimeError, Program
from app.core.cel.values.kinds import is_list, items, type_name
from app.core.cel.values.semver import Semver
from app.core.cel.values.values import Optional, TypeValue
from app.core.kept_error import kept
from app.core.model.device import AttributeKind, DeviceAttribute, DeviceShape
from app.core.selectors.accepted_drivers import AcceptedDrivers, accepted_drivers
from app.core.selectors.attributes_read import AttributesRead, attributes_read
from app.core.selectors.device_view import view_of
from app.core.selectors.environment import CelFeatures, compile_expression
from app.core.selectors.kept_verdicts import KeptVerdicts
from app.core.selectors.matcher import Matcher, compile_matcher

ENGINES = ("fast", "reference")
Outcome = Literal["compiled", "interpreted", "reference", "invalid"]
OUTCOMES: tuple[Outcome, ...] = ("compiled", "interpreted", "reference", "invalid")
"""What became of a text: a Python function, steps of the interpreter, cel-python's, or an error."""


class Selector:
    """A selector of devices. ``error`` is set if it does not compile; it is shared, never changed.

    ``matches(shape)`` returns whether a device of that shape is selected. It raises CelRuntimeError where
    the evaluation fails, and the compile error of a broken selector. ``evaluations[0]`` counts its calls.
    ``attributes_read`` are the attributes that decide it, ``drivers`` those whose devices it may select,
    ``outcome`` is what evaluates it.
    """

    __slots__ = ("attributes_read", "drivers", "engine", "error", "evaluations", "matches", "outcome", "text")

    def __init__(
        self,
        text: str,
        engine: str,
        matches: Callable[[DeviceShape], bool],
        error: CelCompileError | None = None,
        *,
        evaluations: list[int] | None = None,
        attributes_read: AttributesRead = frozenset(),
        drivers: AcceptedDrivers = None,
        outcome: Outcome = "invalid",
    ) -> None:
        self.text = text
        self.outcome: Outcome = outcome
        self.attributes_read = attributes_read
        self.drivers = drivers
        self.engine = engine
        self.matches = matches
        self.error = error
        self.evaluations = [0] if evaluations is None else evaluations

    def __repr__(self) -> str:
        return f"Selector({self.text!r}, engine={self.engine!r}, error={self.error!r})"


def compile_selector(text: str, features: CelFeatures = CelFeatures(), *, engine: str = "fast") -> Selector:  # noqa: B008 - frozen
    """Compiles a selector. A broken one is returned with its ``error``.

    Cost: under a millisecond for a usual selector.

    Raises:
        ValueError: there is no such engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    try:
        program = compile_expression(text, features)
    except CelCompileError as error:
        return Selector(text, engine, _refuse(error), kept(error))
    evaluations = [0]
    rules = features.rules
    run = _interpreted(program, lazy=rules.lazy)

    def slow(shape: DeviceShape) -> bool:
        return run(shape)[0]

    if engine == "reference":
        # cel-python takes as long to import as all of core, and nothing else needs it.
        from app.core.selectors.reference import compile_reference  # noqa: PLC0415 - see above

        matcher = compile_reference(text, program.tree, slow, evaluations)
    else:
        matcher = compile_matcher(program.tree, slow, evaluations, rules.variants)
    outcome: Outcome = "interpreted"
    if matcher is not None:
        outcome = "reference" if engine == "reference" else "compiled"
    matches = matcher or _kept(run, evaluations)
    drivers = accepted_drivers(program.tree)
    if rules.lists_need_gate and not features.list_type_attributes:
        matches, drivers = _without_lists(matches), None
    return Selector(
        text, engine, matches, evaluations=evaluations,
        attributes_read=attributes_read(program.tree), drivers=drivers, outcome=outcome,
    )  # fmt: skip


def _without_lists(matches: Matcher) -> Matcher:
    """Fails on devices with an attribute that holds a list, whatever the expression reads."""

    def matches_without(shape: DeviceShape) -> bool:
        lists = view_of(shape).lists
        if lists is not None:
            raise CelRuntimeError(lists)
        return matches(shape)

    return matches_without


def _refuse(error: CelCompileError) -> Callable[[DeviceShape], bool]:
    def matches(_shape: DeviceShape) -> bool:
        # A new object: an exception that is raised again and again collects tracebacks.
        raise CelCompileError(error.message, error.column, error.line)

    return matches


DEAR_COST = 1_000
"""Units of one evaluation, from which its verdict is kept: 0.1 ms and more."""


def _kept(run: Callable[[DeviceShape], tuple[bool, int]], evaluations: list[int]) -> Matcher:
    """Keeps expensive verdicts."""
    verdicts = KeptVerdicts()

    def matches(shape: DeviceShape) -> bool:
        found = verdicts.get(shape) if verdicts else None
        if found is None:
            evaluations[0] += 1
            try:
                found, cost = run(shape)
            except CelRuntimeError as error:
                verdicts.put(shape, CelRuntimeError(error.message, error.column, error.line))
                raise
            if cost >= DEAR_COST:
                verdicts.put(shape, found)
        if isinstance(found, CelRuntimeError):
            # A new object: see ``_refuse``.
            raise CelRuntimeError(found.message, found.column, found.line)
        return found

    return matches


def _interpreted(program: Program, *, lazy: bool) -> Callable[[DeviceShape], tuple[bool, int]]:
    """Returns the verdict and its cost."""

    def matches(shape: DeviceShape) -> tuple[bool, int]:
        value, cost = _evaluated(program, shape, lazy=lazy)
        while value.__class__ is Optional and value.present:
            value = value.value
        if value is True or value is False:
            return bool(value), cost
        raise CelRuntimeError(f"CEL result of type {type_name(value)} could not be converted to bool")

    return matches


def evaluate(program: Program, shape: DeviceShape, limit: int = LIMIT, *, lazy: bool = False) -> Any:
    """The value of an expression on a device. ``lazy``: see ``CelRules``.

    Raises:
        CelRuntimeError: the evaluation failed.
    """
    return _evaluated(program, shape, limit, lazy=lazy)[0]


def _evaluated(
    program: Program, shape: DeviceShape, limit: int = LIMIT, *, lazy: bool = False
) -> tuple[Any, int]:
    view = view_of(shape)
    device = view.device
    if lazy and view.unreadable:
        device = view.lazy_device()
    elif view.error is not None and not lazy:
        raise CelRuntimeError(view.error)
    return program.evaluate({"device": device}, limit)


class DerivedAttribute:
    """An attribute that is computed from a device's others (alpha in Kubernetes 1.37)."""

    __slots__ = ("_lazy", "_program", "attributes_read", "error", "text")

    def __init__(
        self, text: str, program: Program | None, error: CelCompileError | None, *, lazy: bool = False
    ) -> None:
        self.text = text
        self._lazy = lazy
        self.attributes_read: AttributesRead = (
            attributes_read(program.tree) if program is not None else frozenset()
        )
        self._program = program
        self.error = error

    def evaluate(self, shape: DeviceShape) -> DeviceAttribute:
        """The attribute's value on a device.

        Raises:
            CelCompileError: the expression is broken.
            CelRuntimeError: the evaluation failed, or gives something that no attribute can hold.
        """
        if self._program is None:
            assert self.error is not None  # noqa: S101 - one of the two is there
            raise CelCompileError(self.error.message, self.error.column, self.error.line)
        return _as_attribute(evaluate(self._program, shape, lazy=self._lazy))


def compile_derived(text: str, features: CelFeatures = CelFeatures()) -> DerivedAttribute:  # noqa: B008 - frozen
    """Compiles the expression of a derived attribute; a broken one is returned with its ``error``."""
    try:
        program = compile_expression(text, features, derived=True)
        return DerivedAttribute(text, program, None, lazy=features.rules.lazy)
    except CelCompileError as error:
        return DerivedAttribute(text, None, kept(error))


def _native(value: Any) -> Any:
    """What the Go value of a CEL value is, as far as attributes can hold it."""
    while value.__class__ is Optional and value.present:
        value = value.value
    return value.name if value.__class__ is TypeValue else value


_KINDS: dict[type, tuple[AttributeKind, AttributeKind]] = {
    bool: ("bool", "bools"),
    int: ("int", "ints"),
    str: ("string", "strings"),
    Semver: ("version", "versions"),
}


def _as_attribute(result: Any) -> DeviceAttribute:
    value = _native(result)
    kinds = _KINDS.get(value.__class__)
    if kinds is not None:
        return DeviceAttribute(kinds[0], value.text if value.__class__ is Semver else value)
    if not is_list(result):
        raise CelRuntimeError(f"unsupported CEL return type: {type_name(result)}")
    elements = [_native(item) for item in items(result)]
    if not elements:
        return DeviceAttribute("strings", ())
    kind = elements[0].__class__
    if kind not in _KINDS or any(element.__class__ is not kind for element in elements):
        raise CelRuntimeError("the elements of the list must be all strings, ints, bools or versions")
    values = tuple(element.text if kind is Semver else element for element in elements)
    return DeviceAttribute(_KINDS[kind][1], values)
