"""Which claims, classes and taint rules an API server stores: those that ``check`` has nothing against."""

import pytest
from harness.api import ApiError
from harness.scene import Scene

from tests.cli.written import DEVICES, WIDE, claim, same_place

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]


def refused(scene: Scene, raw: dict[str, object]) -> list[str]:
    """The fields that the API server finds fault with."""
    try:
        scene.create(raw)
    except ApiError as error:
        if error.code != 422:
            raise
        return list(error.causes)
    return []


@pytest.mark.parametrize(("devices", "field"), DEVICES.values(), ids=DEVICES)
def test_check_and_the_api_server_refuse_the_same(
    scene: Scene, devices: dict[str, object], field: str | None
) -> None:
    theirs = refused(scene, claim(devices) | {"metadata": {"name": "c", "namespace": scene.namespace}})
    assert bool(theirs) == bool(field), theirs
    assert all(same_place(their, f"spec.devices.{field}") for their in theirs), theirs


@pytest.mark.parametrize(("raw", "field"), WIDE.values(), ids=WIDE)
def test_check_and_the_api_server_refuse_the_same_of_what_has_no_namespace(
    scene: Scene, raw: dict[str, object], field: str | None
) -> None:
    theirs = refused(scene, raw | {"metadata": {"name": f"written.{scene.namespace}"}})
    assert bool(theirs) == bool(field), theirs
    assert all(same_place(their, f"spec.{field}") for their in theirs), theirs
