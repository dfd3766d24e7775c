"""Which attributes an expression can see: too many are no harm, too few would mix up devices."""

import pytest

from app.core.selectors import compile_selector

_A = 'device.attributes["gpu.example.com"]'
CASES: dict[str, tuple[str, set[str] | None]] = {
    "the driver alone": ('device.driver == "a"', set()),
    "capacity alone": ('device.capacity["gpu.example.com"].m.isGreaterThan(quantity("1"))', set()),
    "by field": (f'{_A}.model == "x"', {"gpu.example.com/model"}),
    "by key": (f'{_A}["model"] == "x"', {"gpu.example.com/model"}),
    "optional field": (f'{_A}.?model.orValue("x") == "x"', {"gpu.example.com/model"}),
    "optional key": (f'{_A}[?"model"].orValue("x") == "x"', {"gpu.example.com/model"}),
    "has": (f"has({_A}.model)", {"gpu.example.com/model"}),
    "in": (f'"model" in {_A}', {"gpu.example.com/model"}),
    "both sides of a choice": (f"{_A}.a ? {_A}.b : {_A}.c", {f"gpu.example.com/{name}" for name in "abc"}),
    "several domains": (
        f'{_A}.a && device.attributes["other.example.com"].b',
        {"gpu.example.com/a", "other.example.com/b"},
    ),
    "whether a domain is there": ('"gpu.example.com" in device.attributes', None),
    "an optional domain": ('device.attributes[?"gpu.example.com"].?m.orValue("x") == "x"', None),
    "a macro over a domain": (f'{_A}.exists(name, name == "m")', None),
    "a key that is computed": (f'{_A}[{_A}.name] == "x"', None),
    "the size of a domain": (f"size({_A}) > 1", None),
    "the device under another name": ('cel.bind(d, device, d.attributes["a"].b == "c")', None),
    "a domain under another name": (f'cel.bind(a, {_A}, a.model == "x")', None),
}


@pytest.mark.parametrize(("text", "seen"), CASES.values(), ids=CASES.keys())
def test_sight(text: str, seen: set[str] | None) -> None:
    selector = compile_selector(text)
    assert selector.error is None
    assert selector.attributes_read == seen
