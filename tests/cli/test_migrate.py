"""``migrate check``: drivers and claims that two schedulers would allocate."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.objects import allocation, claim, device, device_class, node, pod, slice_of, template

if TYPE_CHECKING:
    from conftest import Cli

OTHER = "nic.example.com"


def of_scheduler(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {**body, "spec": {**body["spec"], "schedulerName": name}}


def other_driver() -> list[dict[str, Any]]:
    """A class and a device of another driver."""
    made = slice_of("n1", device("nic0"))
    made = {
        **made,
        "metadata": {"name": "nics"},
        "spec": {**made["spec"], "driver": OTHER, "pool": {**made["spec"]["pool"], "name": "nics"}},
    }
    return [device_class("nic", f'device.driver == "{OTHER}"'), made]


def allocated(name: str, *devices: str) -> dict[str, Any]:
    return {**claim(name), "status": {"allocation": allocation("n1", *devices)}}


DRIVER = slice_of("n1")["spec"]["driver"]
BASE = [
    node("n1"),
    device_class("gpu", f'device.driver == "{DRIVER}"'),
    slice_of("n1", device("d0"), device("d1")),
    *other_driver(),
]
SITUATIONS: dict[str, tuple[list[dict[str, Any]], int, dict[str, list[str]], list[str]]] = {
    "no Pods": ([], 0, {}, []),
    "one scheduler": (
        [claim("a"), claim("b"), pod("p", "a"), pod("q", "b")],
        0,
        {DRIVER: ["default-scheduler"]},
        [],
    ),
    "two schedulers wait for one driver": (
        [claim("a"), claim("b"), pod("p", "a"), of_scheduler(pod("q", "b"), "dra-scheduler")],
        1,
        {DRIVER: ["default-scheduler", "dra-scheduler"]},
        [],
    ),
    "one holds and one waits": (
        [allocated("a", "d0"), claim("b"), pod("p", "a"), of_scheduler(pod("q", "b"), "dra-scheduler")],
        1,
        {DRIVER: ["default-scheduler", "dra-scheduler"]},
        [],
    ),
    "each its own driver": (
        [
            claim("a"),
            {
                **claim("b"),
                "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "nic"}}]}},
            },
            pod("p", "a"),
            of_scheduler(pod("q", "b"), "dra-scheduler"),
        ],
        0,
        {DRIVER: ["default-scheduler"], OTHER: ["dra-scheduler"]},
        [],
    ),
    "a shared claim": (
        [claim("a"), pod("p", "a"), of_scheduler(pod("q", "a"), "dra-scheduler")],
        1,
        {DRIVER: ["default-scheduler", "dra-scheduler"]},
        ["default/a"],
    ),
    "a template whose claim does not exist yet": (
        [template("t"), claim("b"), pod("p", templates=("t",)), of_scheduler(pod("q", "b"), "dra-scheduler")],
        1,
        {DRIVER: ["default-scheduler", "dra-scheduler"]},
        [],
    ),
    "Pods that have completed": (
        [
            claim("a"),
            claim("b"),
            {**pod("p", "a"), "status": {"phase": "Succeeded"}},
            of_scheduler(pod("q", "b"), "dra-scheduler"),
        ],
        0,
        {DRIVER: ["dra-scheduler"]},
        [],
    ),
    "Pods without claims": ([pod("p"), of_scheduler(pod("q"), "dra-scheduler")], 0, {}, []),
}


@pytest.mark.parametrize(("given", "code", "drivers", "shared"), SITUATIONS.values(), ids=SITUATIONS.keys())
def test_drivers_and_claims_with_two_schedulers_are_found(
    cli: "Cli",
    tmp_path: Path,
    given: list[dict[str, Any]],
    code: int,
    drivers: dict[str, list[str]],
    shared: list[str],
) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump_all([*BASE, *given]))
    ran = cli("migrate", "check", "--snapshot", file, "-o", "json")
    assert ran.code == code, ran.err
    answer = json.loads(ran.out)
    found: dict[str, list[str]] = {}
    for item in answer["drivers"]:
        found.setdefault(item["driver"], []).append(item["scheduler"])
    assert found == drivers
    contested = {item["driver"] for item in answer["drivers"] if item["contested"]}
    assert contested == {driver for driver, names in drivers.items() if len(names) > 1}
    assert [item["claim"] for item in answer["sharedClaims"]] == shared

    table = cli("migrate", "check", "--snapshot", file)
    assert table.code == code
    for driver in contested:
        assert f"driver {driver}: default-scheduler and dra-scheduler would both allocate" in table.err
    for name in shared:
        assert f"claim {name}: Pods of default-scheduler and dra-scheduler share it" in table.err
    assert ("each with one scheduler" in table.err) is (code == 0)


def test_a_pod_whose_claim_is_gone_is_unknown(cli: "Cli", tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump_all([*BASE, pod("p", "nothing")]))
    ran = cli("migrate", "check", "--snapshot", file, "-o", "json")
    (unknown,) = json.loads(ran.out)["unknown"]
    assert unknown["pod"] == "default/p"
    assert "nothing" in unknown["reason"]


def test_extended_resources_are_devices_of_their_class(cli: "Cli", tmp_path: Path) -> None:
    item = device_class("gpu", f'device.driver == "{DRIVER}"')
    item = {**item, "spec": {**item["spec"], "extendedResourceName": "example.com/gpu"}}
    wants = pod("p")
    limits = {"resources": {"limits": {"example.com/gpu": "1"}}}
    wants = {**wants, "spec": {**wants["spec"], "containers": [{"name": "c", "image": "i", **limits}]}}
    other = of_scheduler(
        {**wants, "metadata": {**wants["metadata"], "name": "q", "uid": "q"}}, "dra-scheduler"
    )
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump_all([node("n1"), item, slice_of("n1", device("d0")), wants, other]))
    ran = cli("migrate", "check", "--snapshot", file, "-o", "json")
    assert ran.code == 1
    assert {use["scheduler"] for use in json.loads(ran.out)["drivers"]} == {
        "default-scheduler",
        "dra-scheduler",
    }


def test_the_snapshot_must_exist(cli: "Cli") -> None:
    ran = cli("migrate", "check", "--snapshot", "nowhere.yaml")
    assert ran.code == 2
    assert "nowhere.yaml" in ran.err
