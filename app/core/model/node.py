"""Nodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.meta import Meta, read_meta
from app.core.model.quantity import Quantity
from app.core.model.taints import Taint, read_taint


@dataclass(frozen=True, slots=True)
class Node:
    """A node, as far as placing Pods goes."""

    meta: Meta
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()
    allocatable: Mapping[str, Quantity] = field(default_factory=dict)
    declared_features: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The node's name."""
        return self.meta.name


def read_node(raw: Any) -> Node:
    """Reads a core/v1 Node."""
    source = fields.mapping(raw)
    meta = read_meta(raw, namespaced=False)
    spec = fields.child(source, "spec")
    status = fields.child(source, "status")
    try:
        unschedulable = fields.default(spec, "unschedulable", fields.boolean, otherwise=False)
        taints = fields.listed(spec, "taints", read_taint)
    except FieldError as error:
        raise error.under("spec") from None
    try:
        return Node(
            meta=meta,
            unschedulable=unschedulable,
            taints=taints,
            allocatable=fields.mapped(status, "allocatable", fields.quantity),
            declared_features=fields.listed(status, "declaredFeatures", fields.text),
        )
    except FieldError as error:
        raise error.under("status") from None
