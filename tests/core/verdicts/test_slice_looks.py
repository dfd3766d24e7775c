"""What slices look like: work and memory are bounded, whatever a tenant names and a driver changes."""

from typing import Any

from app.core.model.parse import parse
from app.core.model.resource_slice import ResourceSlice
from app.core.verdicts import slice_looks
from app.core.verdicts.slice_looks import Numbers, SliceLooks
from tests.objects import DRIVER, device, slice_of
from tests.pausing import Meter


def published(*devices: Any) -> ResourceSlice:
    item = parse(slice_of("n1", *devices))
    assert isinstance(item, ResourceSlice)
    return item


def test_attributes_that_no_device_has_cost_nothing() -> None:
    item = published(*(device(f"d{number}", uuid=f"{number}") for number in range(128)))
    shapes, meter = SliceLooks().of(item).shapes, Meter()
    names = tuple(f"a.b/x{number}" for number in range(10_000))
    meter.measure(lambda: shapes.seen(names))
    assert meter.total < 1_000
    assert shapes.seen(names) == shapes.seen(("a.b/y",)) != shapes.seen((*names, "uuid"))


def test_all_attributes_of_all_devices_are_read_with_pauses() -> None:
    attributes = {f"a{number}": "x" for number in range(32)}
    item = published(*(device(f"d{number}", **attributes) for number in range(128)))
    shapes, meter = SliceLooks().of(item).shapes, Meter()
    meter.measure(lambda: shapes.seen(None))
    assert meter.total > 4_000
    assert meter.most < 2_500, meter.where


def test_any_number_of_different_attributes_leaves_nothing_behind() -> None:
    shapes = SliceLooks().of(published(device("d", uuid="1"))).shapes
    for number in range(1_000):
        shapes.seen((f"a.b/x{number}", "uuid"))
    assert len(shapes._columns) == 1
    assert len(shapes._seen) <= 64


def test_devices_that_change_without_end_are_remembered_up_to_a_number_of_values(monkeypatch: Any) -> None:
    monkeypatch.setattr(slice_looks, "_MAX_WEIGHT", 10_000)
    looks = SliceLooks()
    for generation in range(40):
        values = {f"a{number}": f"{generation}-{number}" for number in range(8)}
        looks.of(published(*(device(f"d{index}", **values) for index in range(32)))).shapes.seen(None)
    kept = sum(len(part) for part in looks.numbers._known if isinstance(part, tuple))
    assert kept < 11_000


def test_the_values_of_a_list_count() -> None:
    lists = {f"{DRIVER}/l": {"strings": [f"v{number}" for number in range(64)]}}
    item = published(*({"name": f"d{number}", "attributes": lists} for number in range(64)))
    numbers = Numbers()
    numbers.of(tuple(device.shape.attributes[f"{DRIVER}/l"].value for device in item.devices))
    assert numbers._weight > 64 * 64
