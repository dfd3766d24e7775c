"""Where in its machine a device sits: the attributes by which drivers tell, the nearest first."""

from app.core.model.device import DeviceShape

LEVELS: dict[str, tuple[str, ...]] = {
    "PCIe root": ("resource.kubernetes.io/pcieRoot", "pcieRoot"),
    "NUMA node": ("resource.kubernetes.io/numaNode", "numaNode", "numa", "dra.net/numaNode"),
}
"""By level, the names under which an attribute is published; the first that a device has counts."""

READS = frozenset(name for names in LEVELS.values() for name in names)


def place_of(shape: DeviceShape, level: str) -> object:
    """The value of the device's attribute of this level; None if it has none."""
    for name in LEVELS[level]:
        attribute = shape.attributes.get(name)
        if attribute is not None:
            return attribute.value
    return None


def value_of(shape: DeviceShape, name: str) -> object:
    """The value of an attribute by its full name: a driver may leave its own domain out."""
    attribute = shape.attributes.get(name) or shape.attributes.get(name.removeprefix(f"{shape.driver}/"))
    return None if attribute is None else attribute.value
