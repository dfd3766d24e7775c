"""Of which drivers an expression can select devices.

Most classes begin with ``device.driver == "..."``. A device of another driver is then rejected whatever else
it has, so that the verdict of a node does not depend on it.
"""

from app.core.cel.common.ast import Call, Expr, Ident, ListLit, Literal, Select

AcceptedDrivers = frozenset[str] | None
"""Names of drivers; None: possibly all of them."""


def accepted_drivers(tree: Expr) -> AcceptedDrivers:
    """The drivers whose devices a checked expression may select.

    On devices of other drivers it is false, and not an error: only the term that is evaluated first counts.
    O(depth of the expression).
    """
    while isinstance(tree, Call) and tree.function == "_&&_":
        tree = tree.args[0]
    match tree:
        case Call(function="_==_", args=(left, Literal(value=str(name)))) if _is_driver(left):
            return frozenset([name])
        case Call(function="_==_", args=(Literal(value=str(name)), right)) if _is_driver(right):
            return frozenset([name])
        case Call(function="@in", args=(left, ListLit(items=items, optional=optional))) if _is_driver(left):
            names = [
                item.value for item in items if isinstance(item, Literal) and isinstance(item.value, str)
            ]
            return frozenset(names) if len(names) == len(items) and not optional else None
    return None


def _is_driver(node: Expr) -> bool:
    match node:
        case Select(operand=Ident(name="device"), field="driver", test_only=False):
            return True
    return False
