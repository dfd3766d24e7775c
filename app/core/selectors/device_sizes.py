"""The sizes that the API bounds a device to, for the estimated cost of an expression.

Source: DeviceAttributeMaxValueLength, DeviceMaxIDLength, DeviceMaxDomainLength, DriverNameMaxLength and
ResourceSliceMaxAttributesAndCapacitiesPerDevice in k8s.io/api/resource/v1; cel/compile.go of
k8s.io/dynamic-resource-allocation.
"""

from app.core.cel import Declared

_ATTRIBUTE, _ID, _DOMAIN, _DRIVER = Declared(64), Declared(32), Declared(63), Declared(63)
_PER_DEVICE = 32


def _by_domain(value: Declared, *, any_field: bool) -> Declared:
    inner = Declared(_PER_DEVICE, keys=_ID, values=value, any_field=any_field)
    return Declared(_PER_DEVICE, keys=_DOMAIN, values=inner)


DEVICE_SIZES = {
    "device": Declared(
        fields=(
            ("driver", _DRIVER),
            ("attributes", _by_domain(_ATTRIBUTE, any_field=True)),
            ("capacity", _by_domain(Declared(), any_field=False)),
            ("allowMultipleAllocations", Declared(1)),
        )
    )
}
