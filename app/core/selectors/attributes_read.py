"""Which attributes of a device an expression can see.

Devices differ in attributes that no expression reads (a serial number, a PCI address). Knowing what an
expression does read makes devices equal that it cannot distinguish. Driver, capacity and
allowMultipleAllocations count as seen by every expression; attributes by their full name.
"""

from app.core.cel.common.ast import Call, Expr, Ident, Literal, Select, children
from app.core.pauses import pause

AttributesRead = frozenset[str] | None
"""Full names (domain/name) of attributes; None: all of them."""

_BY_KEY = frozenset({"_[_]", "_[?_]", "_?._"})


def attributes_read(tree: Expr) -> AttributesRead:
    """The attributes that a checked expression may read. O(size of the expression).

    Read are ``device.attributes["domain"].name``, the same with ``[...]``, ``?`` or ``has``, and
    ``"name" in device.attributes["domain"]``. Whatever else is done with the device or its
    attributes may see all of them.
    """
    names: set[str] = set()
    left = [tree]
    while left:
        pause()  # a selector of 10 kB has thousands of parts
        node = left.pop()
        name = _attribute(node)
        if name is not None:
            names.add(name)
        elif _is_whole(node):
            return None
        elif not (isinstance(node, Select) and _is_device(node.operand)):
            left += children(node)
    return frozenset(names)


def _attribute(node: Expr) -> str | None:
    match node:
        case Select(operand=base, field=name):
            domain = _domain(base)
        case Call(function=function, args=(base, Literal(value=str(name)))) if function in _BY_KEY:
            domain = _domain(base)
        case Call(function="@in", args=(Literal(value=str(name)), base)):
            domain = _domain(base)
        case _:
            return None
    return None if domain is None else f"{domain}/{name}"


def _domain(node: Expr) -> str | None:
    match node:
        case Call(
            function="_[_]", args=(Select(operand=device, field="attributes"), Literal(value=str(name)))
        ):
            return name if _is_device(device) else None
        case _:
            return None


def _is_whole(node: Expr) -> bool:
    if isinstance(node, Select):
        return node.field == "attributes" and _is_device(node.operand)
    return _is_device(node)


def _is_device(node: Expr) -> bool:
    return isinstance(node, Ident) and node.name == "device"
