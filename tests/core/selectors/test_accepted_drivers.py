"""Of which drivers an expression can select devices: too many are no harm, too few would refuse Pods."""

import pytest

from app.core.selectors import compile_selector
from app.core.selectors.environment import CelFeatures

_MODEL = 'device.attributes["gpu.example.com"].model == "x"'
CASES: dict[str, tuple[str, set[str] | None]] = {
    "one": ('device.driver == "a"', {"a"}),
    "the other way round": ('"a" == device.driver', {"a"}),
    "with more terms": (f'device.driver == "a" && {_MODEL} && {_MODEL}', {"a"}),
    "in brackets": (f'((device.driver == "a") && {_MODEL}) && {_MODEL}', {"a"}),
    "several": ('device.driver in ["a", "b"]', {"a", "b"}),
    "none": ("device.driver in []", set()),
    "not the first term, which may fail": (f'{_MODEL} && device.driver == "a"', None),
    "one of several ways": (f'device.driver == "a" || {_MODEL}', None),
    "all but one": ('device.driver != "a"', None),
    "negated": ('!(device.driver == "a")', None),
    "a part of the name": ('device.driver.endsWith("a")', None),
    "another field": ('"a" in device.attributes', None),
    "a computed name": ('device.driver == "a" + "b"', None),
    "a list with a computed name": ('device.driver in ["a", "b" + "c"]', None),
    "a list with an optional name": ('device.driver in [?optional.of("a")]', None),
    "a variable of the same name": ("[1].exists(device, device == 1)", None),
}


@pytest.mark.parametrize(("text", "drivers"), CASES.values(), ids=CASES.keys())
def test_accepted_drivers(text: str, drivers: set[str] | None) -> None:
    selector = compile_selector(text, CelFeatures())
    assert selector.error is None
    assert selector.drivers == drivers


def test_a_selector_that_does_not_compile_tells_nothing() -> None:
    assert compile_selector('device.driver == "a" && 1').drivers is None
