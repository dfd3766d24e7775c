"""Pods that wait: the first line names the true cause, and every near miss is true.

Each near miss is made in the objects themselves, and the Pod placed again: it has to fit then. And
what a near miss changes is needed: without any one of its changes the Pod does not fit.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.api.dry_run.json_answers import near_misses_json
from app.core.dry_run.place import PodPlacement
from app.core.json_object import JsonObject
from tests.core.diagnosis.applying import Situation
from tests.core.diagnosis.inventory import (
    affinity,
    claim,
    cls,
    counters,
    cpu,
    dev,
    drawing,
    node,
    pod,
    pool,
    req,
    shareable,
    shared_by,
    template,
)
from tests.core.diagnosis.situations import BIG, NUMA, ONE, RED, SLOTS_USED_UP, placed
from tests.objects import DRIVER

NEW = f'device.attributes["{DRIVER}"].generation > 4'
ONLY = "0/1 nodes fit: 1 "


@dataclass
class Case:
    """``says`` is the first line, ``near`` are codes of changes: each is among the near misses, in order."""

    says: str
    objects: tuple[JsonObject, ...]
    pod: JsonObject
    near: tuple[str, ...] = ()
    features: dict[str, bool] = field(default_factory=dict)
    generate: bool = True


CASES: dict[str, Case] = {
    "all in use": Case(
        "0/1 nodes fit: 1 node(s) had all matching devices in use for request r",
        (*ONE, pool("n1", dev("a")), claim("other", holds="n1/a"), claim("c")),
        pod("c"),
        ("FreeDevices", "AddDevices"),
    ),
    "one of two is free": Case(
        "0/1 nodes fit: 1 node(s) had too few free matching devices for request r",
        (*ONE, pool("n1", dev("a"), dev("b")), claim("other", holds="n1/a"), claim("c", req(count=2))),
        pod("c"),
        ("FewerDevices", "FreeDevices", "AddDevices"),
    ),
    "two claims are in the way": Case(
        "0/1 nodes fit: 1 node(s) had all matching devices in use for request r",
        (
            *ONE,
            pool("n1", dev("a"), dev("b"), dev("c")),
            *(claim(f"x{name}", holds=f"n1/{name}") for name in "abc"),
            claim("c", req(count=2)),
        ),
        pod("c"),
        ("FreeDevices", "AddDevices"),
    ),
    "two wanted, one there": Case(
        "0/1 nodes fit: 1 node(s) had too few matching devices for request r",
        (*ONE, pool("n1", dev("a")), claim("c", req(count=2))),
        pod("c"),
        ("FewerDevices", "AddDevices"),
    ),
    "four wanted, three on one node and two on another": Case(
        "0/2 nodes fit: 2 node(s) had too few matching devices for request r",
        (
            *ONE,
            node("n2"),
            pool("n1", dev("a"), dev("b")),
            pool("n2", dev("c"), dev("d"), dev("e")),
            claim("c", req(count=4)),
        ),
        pod("c"),
        ("FewerDevices", "AddDevices", "AddDevices"),
    ),
    "two wanted, one in use and no other": Case(
        "0/1 nodes fit: 1 node(s) had too few matching devices for request r",
        (*ONE, pool("n1", dev("a")), claim("other", holds="n1/a"), claim("c", req(count=2))),
        pod("c"),
        ("AddDevices",),
    ),
    "no devices": Case("0/1 nodes fit: 1 node(s) had no devices for request r", (*ONE, claim("c")), pod("c")),
    "devices of another class": Case(
        "0/1 nodes fit: 1 node(s) had no matching device for request r (class gpu)",
        (*ONE, cls("nic", driver="nic"), pool("n1", dev("a"), driver="nic"), claim("c")),
        pod("c"),
        (),  # what another driver has is not what was meant
    ),
    "a class of a name that is close, of other devices": Case(
        "0/1 nodes fit: 1 node(s) had too few matching devices for request r",
        (
            node("n1"),
            cls("gpu.example.com"),
            cls("gpio.example.com", driver="gpio"),
            pool("n1", dev("a"), dev("b")),
            pool("n1", dev("x"), dev("y"), dev("z"), driver="gpio"),
            claim("c", req(count=3, of="gpu.example.com")),
        ),
        pod("c"),
        # That the names are alike does not make it a misspelling: the class is there, of another driver.
        ("FewerDevices", "AddDevices"),
    ),
    "too little memory in each": Case(
        "0/1 nodes fit: 1 node(s) had no matching device for request r (memory >= 80Gi)",
        (*ONE, pool("n1", dev("a", memory="16Gi"), dev("b", memory="40Gi")), claim("c", req(where=BIG))),
        pod("c"),
        ("RelaxSelector", "DropSelector"),
    ),
    "a word that no device has": Case(
        '0/1 nodes fit: 1 node(s) had no matching device for request r (colour == "red")',
        (*ONE, pool("n1", dev("a", colour="blue")), claim("c", req(where=RED))),
        pod("c"),
        ("RelaxSelector", "DropSelector"),
    ),
    "a number that is not reached": Case(
        "0/1 nodes fit: 1 node(s) had no matching device for request r (generation > 4)",
        (*ONE, pool("n1", dev("a", generation=2), dev("b", generation=4)), claim("c", req(where=NEW))),
        pod("c"),
        ("RelaxSelector",),
    ),
    "one term of two strikes all out": Case(
        "0/1 nodes fit: 1 node(s) had no matching device for request r (memory >= 80Gi)",
        (
            *ONE,
            pool("n1", dev("a", memory="40Gi", colour="red"), dev("b", memory="16Gi", colour="red")),
            claim("c", req(where=f"{RED} && {BIG}")),
        ),
        pod("c"),
        ("RelaxSelector", "DropTerm", "DropSelector"),
    ),
    "each term strikes out another": Case(
        "0/1 nodes fit: 1 node(s) had no matching device for request r",
        (
            *ONE,
            pool("n1", dev("a", memory="80Gi", colour="blue"), dev("b", memory="16Gi", colour="red")),
            claim("c", req(where=f"{RED} && {BIG}")),
        ),
        pod("c"),
        ("RelaxSelector", "DropTerm"),
    ),
    "the only match is in use, the others do not match": Case(
        "0/1 nodes fit: 1 node(s) had all matching devices in use for request r",
        (
            *ONE,
            pool("n1", dev("a", colour="red"), *(dev(f"b{i}", colour="blue") for i in range(4))),
            claim("other", holds="n1/a"),
            claim("c", req(where=RED)),
        ),
        pod("c"),
        ("RelaxSelector", "FreeDevices", "AddDevices"),
    ),
    "tainted": Case(
        ONLY + "node(s) had untolerated device taints for request r (ecc=bad:NoSchedule)",
        (*ONE, pool("n1", dev("a", "ecc=bad:NoSchedule")), claim("c")),
        pod("c"),
        ("Tolerate",),
    ),
    "two taints on one device": Case(
        "0/1 nodes fit: 1 node(s) had untolerated device taints for request r "
        "(ecc=bad:NoSchedule, hot:NoExecute)",
        (*ONE, pool("n1", dev("a", "ecc=bad:NoSchedule", "hot:NoExecute")), claim("c")),
        pod("c"),
        ("Tolerate",),
    ),
    "some in use, some tainted": Case(
        "0/1 nodes fit: 1 node(s) had too few matching devices for request r: some in use, some "
        "tainted (ecc:NoSchedule)",
        (
            *ONE,
            pool("n1", dev("a"), dev("b", "ecc:NoSchedule")),
            claim("other", holds="n1/a"),
            claim("c", req(count=2)),
        ),
        pod("c"),
        ("AddDevices",),
    ),
    "tainted by a rule": Case(
        ONLY + "node(s) had untolerated device taints for request r (repair:NoExecute)",
        (
            *ONE,
            pool("n1", dev("a")),
            {
                "apiVersion": "resource.k8s.io/v1beta2",
                "kind": "DeviceTaintRule",
                "metadata": {"name": "repair"},
                "spec": {
                    "deviceSelector": {"driver": DRIVER},
                    "taint": {"key": "repair", "effect": "NoExecute"},
                },
            },
            claim("c"),
        ),
        pod("c"),
        ("Tolerate",),
    ),
    "a share that is too large": Case(
        "0/1 nodes fit: 1 node(s) had matching devices with too little capacity for request r (memory 80Gi)",
        (
            *ONE,
            pool("n1", shareable(dev("a", memory="40Gi"))),
            claim("c", req(capacity={"requests": {"memory": "80Gi"}})),
        ),
        pod("c"),
        ("LowerCapacity",),
    ),
    "a capacity that no device has": Case(
        "0/1 nodes fit: 1 node(s) had matching devices without the capacity for request r (cores 2)",
        (
            *ONE,
            pool("n1", shareable(dev("a", memory="40Gi"))),
            claim("c", req(capacity={"requests": {"cores": "2"}})),
        ),
        pod("c"),
        ("DropCapacity",),
    ),
    "more devices than a claim holds": Case(
        "0/1 nodes fit: the requests together are for 36 devices, and a claim holds at most 32",
        (
            *ONE,
            pool("n1", *(dev(f"d{at}") for at in range(40))),
            claim("c", req("r", count=20), req("s", count=16)),
        ),
        pod("c"),
        ("SplitClaim", "FewerDevices"),
    ),
    "a capacity by another form of its name": Case(
        "0/1 nodes fit: 1 node(s) had matching devices that publish the capacity by another name for "
        f"request r ({DRIVER}/memory: memory)",
        (
            *ONE,
            pool("n1", shareable(dev("a", memory="40Gi"))),
            claim("c", req(capacity={"requests": {f"{DRIVER}/memory": "10Gi"}})),
        ),
        pod("c"),
        ("RenameCapacity",),
    ),
    "counters are used up": Case(
        "0/1 nodes fit: 1 node(s) had too few counters left for request r (chip/slots)",
        (
            *ONE,
            *SLOTS_USED_UP,
            claim("c", req(where=RED)),
        ),
        pod("c"),
        ("FreeDevices",),
    ),
    "each could be met alone, the counters not": Case(
        "0/1 nodes fit: 1 node(s) had too few counters left for all devices together (chip/slots)",
        (
            *ONE,
            counters("n1", slots="4"),
            pool("n1", drawing(dev("a"), slots="3"), drawing(dev("b"), slots="3"), of=2),
            claim("c", req(count=2)),
        ),
        pod("c"),
        ("FewerDevices",),
    ),
    "a pair of one socket that draws too much, and one of two that does not": Case(
        "0/1 nodes fit: 1 node(s) had no devices that satisfy the constraints of a claim "
        f"(matchAttribute {NUMA}); node(s) had too few counters left for all devices together (chip/slots)",
        (
            *ONE,
            counters("n1", slots="4"),
            pool(
                "n1",
                drawing(dev("a", numa=0), slots="3"),
                drawing(dev("b", numa=0), slots="3"),
                drawing(dev("c", numa=1), slots="1"),
                of=2,
            ),
            claim("c", req(count=2), match=NUMA),
        ),
        pod("c"),
        ("DropConstraint", "FewerDevices"),
    ),
    "a pair on two sockets": Case(
        "0/1 nodes fit: 1 node(s) had no devices that satisfy the constraints of a claim "
        f"(matchAttribute {NUMA})",
        (*ONE, pool("n1", dev("a", numa=0), dev("b", numa=1)), claim("c", req(count=2), match=NUMA)),
        pod("c"),
        ("DropConstraint", "FewerDevices"),
    ),
    "two of the same kind": Case(
        "0/1 nodes fit: 1 node(s) had no devices that satisfy the constraints of a claim "
        f"(distinctAttribute {NUMA})",
        (*ONE, pool("n1", dev("a", numa=0), dev("b", numa=0)), claim("c", req(count=2), distinct=NUMA)),
        pod("c"),
        ("DropConstraint", "FewerDevices"),
    ),
    "an attribute to match that devices lack": Case(
        "0/1 nodes fit: 1 node(s) had no devices that satisfy the constraints of request r "
        f"(matchAttribute {NUMA})",
        (*ONE, pool("n1", dev("a"), dev("b")), claim("c", req(), match=NUMA)),
        pod("c"),
        ("DropConstraint",),
    ),
    "two requests for one device": Case(
        "0/1 nodes fit: 1 node(s) could satisfy each request alone, but not all together",
        (*ONE, pool("n1", dev("a")), claim("c", req("r"), req("s"))),
        pod("c"),
    ),
    "two claims alike for what is there for one and a half": Case(
        "0/1 nodes fit: 1 node(s) could satisfy each request alone, but not all together",
        (*ONE, pool("n1", dev("a"), dev("b"), dev("e")), claim("c", req(count=2)), claim("d", req(count=2))),
        pod("c", "d"),
        ("FewerDevices", "FewerDevices"),
    ),
    "all of them, one in use": Case(
        "0/1 nodes fit: 1 node(s) had too few free matching devices for request r",
        (
            *ONE,
            pool("n1", dev("a"), dev("b")),
            claim("other", holds="n1/a"),
            claim("c", req(allocationMode="All")),
        ),
        pod("c"),
        ("FewerDevices", "FreeDevices"),
    ),
    "a claim of more than a claim can hold": Case(
        "0/1 nodes fit: the claim is for 33 devices, and a claim holds at most 32",
        (*ONE, pool("n1", *(dev(f"d{i}") for i in range(33))), claim("c", req(count=33))),
        pod("c"),
        ("FewerDevices",),
    ),
    "a class that is misspelt": Case(
        "0/1 nodes fit: device class 'gpus' not found",
        (*ONE, pool("n1", dev("a")), claim("c", req(of="gpus"))),
        pod("c"),
        ("UseClass", "CreateClass"),
    ),
    "a class that is not there": Case(
        "0/1 nodes fit: device class 'tpu.example.com' not found",
        (node("n1"), pool("n1", dev("a")), claim("c", req(of="tpu.example.com"))),
        pod("c"),
        ("CreateClass",),
    ),
    "a selector that does not compile": Case(
        "0/1 nodes fit: claim default/c, request r, selector #0: CEL compile error",
        (*ONE, pool("n1", dev("a")), claim("c", req(where="device.driver = 1"))),
        pod("c"),
        ("DropSelector",),
    ),
    "a selector that fails": Case(
        "0/1 nodes fit: claim default/c, request r, selector #0: "
        "CEL runtime error: 1:37: no such key: colour",
        (*ONE, pool("n1", dev("a")), claim("c", req(where=RED))),
        pod("c"),
        ("DropSelector",),
    ),
    "a claim that is misspelt": Case(
        "0/1 nodes fit: waiting for ResourceClaim default/traner: it does not exist",
        (*ONE, pool("n1", dev("a")), claim("trainer")),
        pod("traner"),
        ("UseOther",),
    ),
    "a template that is misspelt": Case(
        "0/1 nodes fit: ResourceClaimTemplate default/gpu-par does not exist",
        (*ONE, pool("n1", dev("a")), template("gpu-pair")),
        pod(templates=("gpu-par",)),
        ("UseOther",),
    ),
    "a claim that is still to be made": Case(
        "0/1 nodes fit: ResourceClaim for 't' has not been created from template t yet",
        (*ONE, pool("n1", dev("a")), template("t")),
        pod(templates=("t",)),
        ("GenerateClaims",),
        generate=False,
    ),
    "a claim that is being deleted": Case(
        "0/1 nodes fit: ResourceClaim default/c is being deleted",
        (
            *ONE,
            pool("n1", dev("a")),
            (gone := claim("c"))
            | {"metadata": gone["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
        ),
        pod("c"),
        ("Deallocate",),
    ),
    "a claim that is allocated elsewhere": Case(
        "0/2 nodes fit: 1 node(s) could not use claim default/c, which is allocated on other nodes, "
        "1 node(s) were unschedulable",
        (
            *ONE,
            node("n2", cordoned=True),
            pool("n1", dev("a")),
            pool("n2", dev("a")),
            claim("c", holds="n2/a"),
        ),
        pod("c"),
        ("Deallocate", "Uncordon"),
    ),
    "a claim that is full": Case(
        "0/1 nodes fit: ResourceClaim default/c is in use by 256 Pods, which is the maximum",
        (*ONE, pool("n1", dev("a")), shared_by(claim("c", holds="n1/a"), 256)),
        pod("c"),
        ("FreeSeat",),
    ),
    "a pool that is being updated": Case(
        ONLY + "node(s) had no devices for request r; node(s) had an incomplete resource pool",
        (*ONE, pool("n1", dev("a"), of=2), claim("c")),
        pod("c"),
        ("CompletePool",),
    ),
    "a cordoned node": Case(
        "0/1 nodes fit: 1 node(s) were unschedulable",
        (node("n1", cordoned=True), cls(), pool("n1", dev("a")), claim("c")),
        pod("c"),
        ("Uncordon",),
    ),
    "a cordoned node whose devices are in use": Case(
        "0/1 nodes fit: 1 node(s) were unschedulable",
        (
            node("n1", cordoned=True),
            cls(),
            pool("n1", dev("a")),
            claim("other", holds="n1/a"),
            claim("c"),
        ),
        pod("c"),
        ("Uncordon FreeDevices",),
    ),
    "a tainted node": Case(
        "0/1 nodes fit: 1 node(s) had untolerated taint {dedicated: ml}",
        (node("n1", "dedicated=ml:NoSchedule"), cls(), pool("n1", dev("a")), claim("c")),
        pod("c"),
        ("TolerateNode",),
    ),
    "a nodeSelector that matches none": Case(
        "0/1 nodes fit: 1 node(s) did not match the Pod's nodeSelector",
        (node("n1", zone="a"), cls(), pool("n1", dev("a")), claim("c")),
        pod("c", nodeSelector={"zone": "b"}),
        ("DropNodeSelector",),
    ),
    "an affinity that matches none": Case(
        "0/1 nodes fit: 1 node(s) did not match the Pod's required node affinity",
        (node("n1", zone="a"), cls(), pool("n1", dev("a")), claim("c")),
        pod("c", affinity=affinity("zone", "b")),
        ("DropAffinity",),
    ),
    "a node of another name": Case(
        "0/1 nodes fit: 1 node(s) did not match the Pod's nodeName n9",
        (*ONE, pool("n1", dev("a")), claim("c")),
        pod("c", nodeName="n9"),
        ("DropNodeName",),
    ),
    "a node that must say that operations may be skipped": Case(
        ONLY + "node(s) did not declare a feature that devices need for request r",
        (*ONE, pool("n1", dev("a"), skipNodeOperations=["NodePrepareResources"]), claim("c")),
        pod("c"),
        ("DeclareFeature",),
        features={"OptionalNodeOperations": True},
    ),
    "too little cpu": Case(
        "0/1 nodes fit: 1 Insufficient cpu",
        (node("n1", cpu="2"), cls(), pool("n1", dev("a")), claim("c")),
        pod("c", containers=cpu("3")),
        ("LowerRequest",),
    ),
    "many nodes without devices, one with": Case(
        "0/9 nodes fit: 1 node(s) had all matching devices in use for request r, 8 node(s) had no "
        "devices for request r",
        (
            cls(),
            *(node(f"n{i}") for i in range(1, 10)),
            pool("n5", dev("a")),
            claim("other", holds="n5/a"),
            claim("c"),
        ),
        pod("c"),
        ("FreeDevices", "AddDevices"),
    ),
    "two alternatives, neither is there": Case(
        "0/1 nodes fit: 1 node(s) had no matching device for request r/big (memory >= 80Gi); "
        'node(s) had no matching device for request r/red (colour == "red")',
        (
            *ONE,
            pool("n1", dev("a", memory="40Gi", colour="blue")),
            claim(
                "c",
                {
                    "name": "r",
                    "firstAvailable": [
                        req("big", BIG)["exactly"] | {"name": "big"},
                        req("red", RED)["exactly"] | {"name": "red"},
                    ],
                },
            ),
        ),
        pod("c"),
        ("RelaxSelector", "RelaxSelector"),
    ),
    "a feature that is off": Case(
        "0/1 nodes fit: requests admin access, but the feature DRAAdminAccess is disabled",
        (*ONE, pool("n1", dev("a")), claim("c", req(adminAccess=True))),
        pod("c"),
        ("EnableFeature",),
        features={"AdminAccess": False},
    ),
    "a template that asks for too many": Case(
        "0/1 nodes fit: 1 node(s) had too few matching devices for request r",
        (*ONE, pool("n1", dev("a")), template("t", req(count=3))),
        pod(templates=("t",)),
        ("FewerDevices", "AddDevices"),
    ),
}


def first_line(found: PodPlacement) -> str:
    return found.summary


@pytest.mark.parametrize("name", CASES)
def test_the_first_line_is_the_cause_and_near_misses_are_true(name: str) -> None:
    case = CASES[name]
    situation = Situation(list(case.objects), case.pod, dict(case.features), case.generate)
    found = placed(situation)
    assert found.chosen is None
    assert first_line(found).startswith(case.says)
    near: list[dict[str, Any]] = near_misses_json(found.near_misses)
    codes = iter([" ".join(change["code"] for change in item["changes"]) for item in near])
    assert all(code in codes for code in case.near), [item["text"] for item in near]
    alone = [item["changes"][0] for item in near if len(item["changes"]) == 1]
    fewer = [(change["claim"], change["request"]) for change in alone if change["code"] == "FewerDevices"]
    assert len(fewer) == len(set(fewer)), "who could do with three devices does not ask for two"
    for item in near:
        changed = situation
        for change in item["changes"]:
            changed = changed.changed(change)
        again = placed(changed)
        assert again.chosen is not None, (item["text"], first_line(again))
        for number in range(len(item["changes"])):
            without = situation
            for index, change in enumerate(item["changes"]):
                without = without if index == number else without.changed(change)
            assert placed(without).chosen is None, f"{item['text']}: number {number} is not needed"


def test_requests_of_one_name_are_told_apart() -> None:
    case = CASES["two claims alike for what is there for one and a half"]
    found = placed(Situation(list(case.objects), case.pod))
    assert {item["text"] for item in near_misses_json(found.near_misses)} >= {
        "with 1 device instead of 2 in request r of claim default/c (node n1)",
        "with 1 device instead of 2 in request r of claim default/d (node n1)",
    }


def test_there_are_forty_situations() -> None:
    assert len(CASES) >= 40


def test_every_change_that_is_documented_is_in_one_of_them() -> None:
    page = (Path(__file__).parents[3] / "docs" / "explain.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page.partition("## Near misses")[2], re.MULTILINE)
    documented = {code for row in rows for code in re.findall(r"`([A-Z]\w+)`", row)}
    assert len(documented) >= 25
    assert documented == {code for case in CASES.values() for near in case.near for code in near.split()}
