"""The claims of all tenants count for the filters of each, but their dear selectors do not."""

import pytest

from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.model.resource_claim import ResourceClaim
from app.core.model.resource_slice import ResourceSlice
from app.core.pauses import on_pause
from app.core.scoring.device_demand import DeviceDemand, FreeDevice
from app.core.selectors import SelectorCache
from app.core.state.request_mix import RequestMix
from app.core.state.state import State
from tests.attack.dear_selectors import SELECTORS
from tests.objects import DRIVER, claim, device_class, slice_of

CHEAP = f'device.attributes["{DRIVER}"].uuid == "u"'


@pytest.mark.parametrize(("expression", "counts"), [(CHEAP, True), (SELECTORS["reads the device"], False)])
def test_kinds_with_selectors_that_may_be_dear_do_not_count(expression: str, counts: bool) -> None:
    state, spent = State(), 0
    item, class_ = parse(claim("c", expression=expression)), parse(device_class())
    published = parse(slice_of("n", {"name": "d", "attributes": {"uuid": {"string": "u"}}}))
    assert isinstance(item, ResourceClaim)
    assert isinstance(published, ResourceSlice)
    state.upsert(class_)  # type: ignore[arg-type] # a class

    def hook(cost: int) -> None:
        nonlocal spent
        spent += cost

    with on_pause(hook):
        demand = DeviceDemand(RequestMix(((item.spec, 1.0),)), state.classes, Features(), SelectorCache())
        worth = demand.worth([FreeDevice(published.devices[0].shape, 1.0, 1.0)])
    assert (worth > 0) is counts
    assert spent < 100_000, "compiled, and not evaluated"
    assert bool(demand.attributes_read) is counts
