"""An inventory to place Pods on."""

from collections.abc import Callable
from pathlib import Path

from tests.objects import device, device_class, node, slice_of, template

Inventory = Callable[..., Path]


OBJECTS = (
    node("n1", zone="a"),
    node("n2", zone="b"),
    device_class(),
    slice_of("n1", device("d0"), device("d1")),
    slice_of("n2", device("d0")),
    template("t"),
)
