"""Selectors of any shape: whatever nests, repeats and grows."""

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

_MAX_LIST = 60
_MAX_TEXT = 3_000
_DEPTH = 4


@st.composite
def selectors(draw: DrawFn) -> str:
    """An expression that is true or false, of a few kB at most."""
    return draw(_truths(_DEPTH, ()))


@st.composite
def _truths(draw: DrawFn, depth: int, names: tuple[str, ...]) -> str:  # noqa: PLR0911 - one for each shape
    if depth == 0:
        return draw(st.sampled_from(["true", "device.driver != 'x'", "device.allowMultipleAllocations"]))
    kind = draw(st.sampled_from(["fold", "and", "compare", "text", "lists", "quantity", "bind", "choice"]))
    inner = _truths(depth - 1, names)
    if kind == "fold":
        name = f"v{depth}{len(names)}"
        macro = draw(st.sampled_from(["all", "exists", "exists_one"]))
        body = draw(_truths(depth - 1, (*names, name)))
        return f"{draw(_lists(depth - 1, names))}.{macro}({name}, {body})"
    if kind == "and":
        joined = draw(st.sampled_from([" && ", " || "]))
        return "(" + joined.join(draw(st.lists(inner, min_size=2, max_size=4))) + ")"
    if kind == "compare":
        return f"({draw(_texts(depth - 1, names))} == {draw(_texts(depth - 1, names))})"
    if kind == "text":
        call = draw(st.sampled_from(["matches", "contains", "startsWith"]))
        argument = draw(st.sampled_from(["'(a|b)*c'", "'x'", "'[a-z]{1,50}$'", "'(9|8)*7'"]))
        if call == "matches":
            argument = draw(st.one_of(st.just(argument), _patterns().map(lambda text: f"r'{text}'")))
        return f"{draw(_texts(depth - 1, names))}.{call}({argument})"
    if kind == "lists":
        left, right = draw(_lists(depth - 1, names)), draw(_lists(depth - 1, names))
        return draw(
            st.sampled_from(
                [
                    f"({left} == {right})",
                    f"{left}.isSorted()",
                    f"({left}.indexOf('x') >= 0)",
                    f"('x' in {right})",
                    f"({left}.map(m, m + m).size() > 3)",
                    f"({left}.filter(m, m != 'x').size() > 3)",
                ]
            )
        )
    if kind == "quantity":
        return f"quantity({draw(_texts(depth - 1, names))}).isLessThan(quantity('9Gi'))"
    if kind == "bind":
        name = f"b{depth}{len(names)}"
        bound = draw(_texts(depth - 1, names))
        return f"cel.bind({name}, {bound}, {draw(_truths(depth - 1, (*names, name)))})"
    return f"({draw(inner)} ? {draw(inner)} : {draw(inner)})"


def _patterns() -> st.SearchStrategy[str]:
    """Regular expressions that compile, small and large."""
    atoms = st.sampled_from(["a", "9", ".", "[a-f]", "[^9]", r"\w", r"\pL", "(?:ab|98)", "(8|9)"])
    repeats = st.sampled_from(["", "?", "*", "+?", "{3}", "{1,40}", "{900}"])
    parts = st.builds(lambda atom, repeat: atom + repeat, atoms, repeats)
    flags = st.sampled_from(["", "(?i)", "^", "(?s)"])
    joined = st.builds(
        lambda flag, few, times: flag + "".join(few) * times,
        flags,
        st.lists(parts, min_size=1, max_size=4),
        st.integers(1, 200),
    )
    return joined.filter(lambda text: len(text) < _MAX_TEXT)


@st.composite
def _texts(draw: DrawFn, depth: int, names: tuple[str, ...]) -> str:
    kinds = ["long", "driver", "short", *(["name"] if names else []), *(["made"] if depth > 0 else [])]
    kind = draw(st.sampled_from(kinds))
    if kind == "long":
        return repr(
            draw(st.sampled_from(["9", "98", "a", "ab", "Gi "])) * draw(st.integers(1, _MAX_TEXT // 3))
        )
    if kind == "driver":
        return "device.driver"
    if kind == "name":
        return draw(st.sampled_from(names))
    if kind == "short":
        return draw(st.sampled_from(["'5Gi'", "'x'", "string(12)"]))
    inner = draw(_texts(depth - 1, names))
    return draw(
        st.sampled_from(
            [
                f"({inner} + {inner})",
                f"{inner}.lowerAscii()",
                f"{inner}.replace('9', '98')",
                f"'%s%s'.format([{inner}, {inner}])",
                f"{inner}.findAll('(9|8)*7').join('-')",
                f"{inner}.split('').join(',')",
            ]
        )
    )


@st.composite
def _lists(draw: DrawFn, depth: int, names: tuple[str, ...]) -> str:
    kind = draw(st.sampled_from(["literal", "same", "split", *(["sum"] if depth > 0 else [])]))
    if kind == "literal":
        return "[" + ", ".join(draw(st.lists(_texts(0, names), min_size=1, max_size=6))) + "]"
    if kind == "same":
        return "[" + ", ".join([f"'{draw(st.integers(0, 9))}Gi'"] * draw(st.integers(1, _MAX_LIST))) + "]"
    if kind == "split":
        return f"{draw(_texts(depth - 1 if depth > 0 else 0, names))}.split('')"
    inner = draw(_lists(depth - 1, names))
    return f"({inner} + {inner})"
