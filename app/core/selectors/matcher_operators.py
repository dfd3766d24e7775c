"""Python expressions for comparisons, sets and texts, made of terms that are written already."""

from typing import Any

from app.core.cel.interpreter.calls import is_member
from app.core.cel.library.kubernetes import signed
from app.core.cel.values import ordering
from app.core.cel.values.equality import equal as same
from app.core.cel.values.equality import not_equal
from app.core.cel.values.quantities import QuantityValue
from app.core.cel.values.semver import Semver
from app.core.selectors import matcher_runtime
from app.core.selectors.generated_source import GeneratedSource
from app.core.selectors.matcher_terms import DeclinedError, Term

ORDER = {
    "_<_": ("<", ordering.less),
    "_<=_": ("<=", ordering.less_equal),
    "_>_": (">", ordering.greater),
    "_>=_": (">=", ordering.greater_equal),
}
TEXT_METHODS = {"startsWith": "startswith", "endsWith": "endswith"}
COMPARISONS = {"isGreaterThan": ">", "isLessThan": "<"}
PLAIN = ("str", "int", "bool")


def failing(source: GeneratedSource) -> str:
    """Raises "no such overload"."""
    return f"{source.constant(matcher_runtime.fail)}()"


def member(source: GeneratedSource, value: Term, elements: frozenset[Any]) -> Term:
    """``in`` a list of constants. A value that is not a text is compared as CEL does."""
    texts = source.constant(frozenset(item for item in elements if item.__class__ is str))
    if value.kind == "str":
        return Term(f"({value.code} in {texts})", "bool", safe=value.safe)
    held = source.temporary()
    other = f"{source.constant(is_member)}({source.constant(elements)}, {held})"
    text = source.constant(str)
    return Term(f"({held} in {texts} if ({held} := {value.code}).__class__ is {text} else {other})", "bool")


def text_call(source: GeneratedSource, function: str, value: Term, text: str) -> Term:
    """A method of a text with a constant argument. A value that is not a text fails.

    Raises: DeclinedError.
    """
    if value.kind == "str":
        return Term(text_test(source, function, value.code, text), "bool", safe=value.safe)
    if function == "matches" and value.kind != "attribute":
        raise DeclinedError  # see calls.pattern_call for what it takes for a text
    held = source.temporary()
    test = text_test(source, function, held, text)
    return Term(
        f"({test} if ({held} := {value.code}).__class__ is {source.constant(str)} else {failing(source)})",
        "bool",
    )


def text_test(source: GeneratedSource, function: str, value: str, text: str) -> str:
    """The same for a value that is a text, as source."""
    if function == "matches":
        return f"{source.constant(matcher_runtime.PatternMatches(text))}[{value}]"
    if function == "contains":
        return f"({source.constant(text)} in {value})"
    return f"{value}.{TEXT_METHODS[function]}({source.constant(text)})"


def equality(source: GeneratedSource, left: Term, right: Term, *, equal: bool) -> Term:
    """``==`` or ``!=``: Python's where both have one simple kind, else CEL's."""
    sign = "==" if equal else "!="
    if left.kind == right.kind and left.kind in PLAIN:
        return Term(f"({left.code} {sign} {right.code})", "bool", safe=left.safe and right.safe)
    if left.kind == "attribute" and right.kind == "str":
        if not equal:
            return Term(f"({left.code} != {right.code})", "bool", safe=left.safe)
        # Comparing a version with a text is an error.
        held = source.temporary()
        version = f"{held}.__class__ is {source.constant(Semver)} and {failing(source)}"
        return Term(f"(({held} := {left.code}) == {right.code} or {version})", "bool")
    if left.kind == "attribute" and right.kind in ("int", "bool") and right.constant:
        held = source.temporary()
        kind = source.constant(right.value.__class__)
        general = source.constant(same if equal else not_equal)
        return Term(
            f"({held} {sign} {right.code} if ({held} := {left.code}).__class__ is {kind}"
            f" else {general}({held}, {right.code}))",
            "bool",
        )
    general = source.constant(same if equal else not_equal)
    return Term(f"{general}({left.code}, {right.code})", "bool")


def order(source: GeneratedSource, left: Term, right: Term, name: str) -> Term:
    """One of ``ORDER``: Python's where both have one simple kind, else CEL's."""
    sign, general = ORDER[name]
    if left.kind == right.kind and left.kind in PLAIN:
        return Term(f"({left.code} {sign} {right.code})", "bool", safe=left.safe and right.safe)
    if left.kind in ("attribute", "any") and right.constant and right.kind in ("int", "str"):
        held = source.temporary()
        kind = source.constant(right.value.__class__)
        return Term(
            f"({held} {sign} {right.code} if ({held} := {left.code}).__class__ is {kind}"
            f" else {source.constant(general)}({held}, {right.code}))",
            "bool",
        )
    return Term(f"{source.constant(general)}({left.code}, {right.code})", "bool")


def compared(source: GeneratedSource, name: str, terms: list[Term]) -> Term | None:
    """A comparison of quantities or versions, or a number of a version; None if only CEL can."""
    left = terms[0]
    if name in ("major", "minor", "patch", "compareTo"):
        return version_call(source, name, terms)
    right = terms[1]
    sign = COMPARISONS[name]
    if left.kind == right.kind == "quantity":
        amount = source.constant(right.value.nanos) if right.constant else f"{right.code}.nanos"
        return Term(f"({left.code}.nanos {sign} {amount})", "bool", safe=left.safe and right.safe)
    if left.kind == "attribute" and right.kind == "semver" and right.constant:
        held = source.temporary()
        test = f"{held}.order {sign} {source.constant(right.value.order)}"
        kind = source.constant(Semver)
        return Term(f"({test} if ({held} := {left.code}).__class__ is {kind} else {failing(source)})", "bool")
    return None


def version_call(source: GeneratedSource, name: str, terms: list[Term]) -> Term | None:
    """A number of a version, or ``compareTo``; None for what only CEL can call."""
    left = terms[0]
    if name == "compareTo":
        if not (terms[1].constant and left.kind in ("attribute", "quantity")):
            return None
        kind = Semver if terms[1].kind == "semver" else QuantityValue
        if left.kind == "quantity":
            return Term(f"{left.code}.compare({terms[1].code})", "int") if kind is QuantityValue else None
        call = f"compare({terms[1].code})"
    else:
        kind, call = Semver, name
    if left.kind != "attribute" or (kind is QuantityValue) or (name != "compareTo" and terms[1:]):
        return None
    held = source.temporary()
    test = f"({held} := {left.code}).__class__ is {source.constant(kind)}"
    # Numbers over 63 bits turn negative in Go: see ``signed``.
    whole = f"{held}.{call}" if name == "compareTo" else f"{source.constant(signed)}({held}.{call})"
    return Term(f"({whole} if {test} else {failing(source)})", "int")
