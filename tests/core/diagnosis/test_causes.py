"""What is said is the cause: by request, with what drivers report, and with who holds the devices."""

from typing import Any

import pytest

from app.core.advice.remedies import free
from app.core.allocator import Reason
from app.core.diagnosis import summary
from app.core.dry_run.place import PodPlacement
from app.core.json_object import JsonObject
from tests.core.diagnosis.applying import Situation
from tests.core.diagnosis.inventory import claim, cls, counters, dev, drawing, node, pod, pool, req, template
from tests.core.diagnosis.situations import ONE, placed
from tests.objects import DRIVER

NIC = "nic.example.com"
ROOT = "resource.kubernetes.io/pcieRoot"


def asked(wanted: JsonObject, *objects: JsonObject, **features: bool) -> PodPlacement:
    return placed(Situation(list(objects), wanted, features))


def messages(found: PodPlacement, node_name: str = "n1") -> list[str]:
    return [
        reason.message for answer in found.answers if answer.node == node_name for reason in answer.reasons
    ]


def rooted(name: str, root: str) -> JsonObject:
    return {"name": name, "attributes": {ROOT: {"string": root}}}


def pair(**more: Any) -> JsonObject:
    return claim("c", req("gpu"), req("nic", of="nic"), match=ROOT, **more)


def two_drivers(gpus: str, nics: str) -> tuple[JsonObject, ...]:
    return (
        *ONE,
        cls("nic", driver=NIC),
        pool("n1", *(rooted(f"g{at}", root) for at, root in enumerate(gpus.split()))),
        pool("n1", *(rooted(f"e{at}", root) for at, root in enumerate(nics.split())), driver=NIC),
    )


def test_a_constraint_is_explained_by_request() -> None:
    [message] = messages(asked(pod("c"), *two_drivers("a b", "c d"), pair()))

    assert message.endswith("request gpu has {a, b}, request nic has {c, d}: none in common")


def test_values_in_common_are_counted_by_request() -> None:
    raw = claim("c", req("gpu", count=2), req("nic", of="nic"), match=ROOT)
    [message] = messages(asked(pod("c"), *two_drivers("a b", "a c"), raw))

    assert "request gpu has 1 with a, 1 with b; request nic has 1 with a, 1 with c" in message
    assert "none in common" not in message


def test_constraints_and_counters_together() -> None:
    devices = [drawing(rooted("a", "x"), memory="6Gi"), drawing(rooted("b", "y"), memory="6Gi")]
    found = asked(
        pod("c"),
        *ONE,
        counters("n1", memory="8Gi"),
        pool("n1", *devices, of=2),
        claim("c", req(count=2), match=ROOT),
    )

    assert [reason.code for reason in found.answers[0].reasons] == ["ConstraintNotMet", "CountersExhausted"]


def test_counters_are_written_as_they_are_published() -> None:
    found = asked(
        pod("c"),
        *ONE,
        counters("n1", memory="80Gi"),
        pool("n1", drawing(dev("a"), memory="80Gi"), drawing(dev("b"), memory="40Gi"), of=2),
        claim("other", holds="n1/b"),
        claim("c"),
    )

    assert "short of counters (chip/memory: 80Gi needed, 40Gi left)" in messages(found)[0]


def in_group(device: JsonObject, name: str) -> JsonObject:
    [consumption] = device["consumesCounters"]
    return {**device, "consumesCounters": [{**consumption, "compatibilityGroups": [name]}]}


def test_groups_that_cannot_share_a_counter_set_are_named() -> None:
    devices = [
        in_group(drawing(dev(name), memory="4"), group) for name, group in (("a", "mig"), ("b", "vgpu"))
    ]
    found = asked(
        pod("c"),
        *ONE,
        counters("n1", memory="8"),
        pool("n1", *devices, of=2),
        claim("c", req(count=2)),
        CompatibilityGroups=True,
    )

    assert messages(found) == [
        "node(s) had devices of the compatibility groups mig and vgpu, which cannot share counter set chip"
    ]


@pytest.mark.parametrize(
    ("wanted", "published"),
    [(f"{DRIVER}/memory", "memory"), ("memory", f"{DRIVER}/memory")],
    ids=["qualified", "plain"],
)
def test_a_capacity_of_another_form_of_its_name_is_named(wanted: str, published: str) -> None:
    device = {"name": "a", "allowMultipleAllocations": True, "capacity": {published: {"value": "80Gi"}}}
    raw = claim("c", req(capacity={"requests": {wanted: "10Gi"}}))
    found = asked(pod("c"), *ONE, pool("n1", device), raw)

    assert f"{wanted}: the devices publish it as {published}" in messages(found)[0]
    first = found.near_misses[0].changes[0]
    assert (first.code, first.data["published"]) == ("RenameCapacity", published)


def deleted(raw: JsonObject) -> JsonObject:
    return raw | {"metadata": raw["metadata"] | {"deletionTimestamp": "2026-01-31T00:00:00Z"}}


def test_holders_that_are_about_to_go_say_so() -> None:
    held = deleted(claim("other", holds="n1/a"))
    found = asked(pod("c"), *ONE, pool("n1", dev("a")), held, claim("c"))

    assert messages(found)[0].endswith(
        "1 in use by default/other; claim default/other is being deleted since 2026-01-31T00:00:00Z, "
        "reserved for Pod somebody, which is not there"
    )


def test_holders_whose_pods_are_there_say_nothing() -> None:
    user = pod("other") | {"metadata": {"name": "somebody", "namespace": "default", "uid": "uid-somebody"}}
    found = asked(pod("c"), *ONE, pool("n1", dev("a")), claim("other", holds="n1/a"), user, claim("c"))

    assert messages(found)[0].endswith("1 in use by default/other")


BINDING = {"bindingConditions": ["Attached"], "bindingFailureConditions": ["Broken"]}


def test_a_device_that_could_not_be_made_ready_says_why() -> None:
    raw = claim("c", holds="n1/a")
    raw["status"]["allocation"]["devices"]["results"][0] |= BINDING
    condition = {"type": "Broken", "status": "True", "reason": "NoPower", "message": "slot 3 is off"}
    raw["status"]["devices"] = [{"driver": DRIVER, "pool": "n1", "device": "a", "conditions": [condition]}]
    found = asked(pod("c"), *ONE, node("n2"), pool("n1", dev("a")), raw, DeviceBindingAndStatus=True)

    assert messages(found) == [
        "devices of claim default/c could not be made ready: gpu.example.com/n1/a: condition Broken is True "
        "(NoPower: slot 3 is off)"
    ]
    assert found.summary == (
        "0/2 nodes fit: 1 node(s) had devices of claim default/c that failed to become ready, "
        "1 node(s) could not use claim default/c, which is allocated on other nodes"
    )


def test_a_template_of_another_namespace_is_named() -> None:
    other = template("t")
    other["metadata"]["namespace"] = "team"
    found = asked(pod(templates=("t",)), *ONE, other)

    text = "ResourceClaimTemplate default/t does not exist; namespace team has one of this name"
    assert found.summary == f"0/1 nodes fit: {text}"


EXTENDED = {"containers": [{"name": "c", "resources": {"limits": {"example.com/gpu": "1"}}}]}


def test_an_extended_resource_that_nobody_offers() -> None:
    found = asked(pod(**EXTENDED), node("n1", cpu="4"), node("n2", cpu="4"))

    assert found.summary == "0/2 nodes fit: no DeviceClass and no node offers example.com/gpu"
    assert found.near_misses == ()


def test_a_resource_that_nobody_offers_beside_one_that_a_class_provides() -> None:
    limits = {"example.com/none": "1", "deviceclass.resource.kubernetes.io/gpu": "1"}
    both = {"containers": [{"name": "c", "resources": {"limits": limits}}]}
    found = asked(pod(**both), cls(), node("n1", cpu="4"), node("n2", cpu="4"))

    assert found.summary == "0/2 nodes fit: no DeviceClass and no node offers example.com/none"


def test_an_extended_resource_that_another_node_offers_is_insufficient() -> None:
    offering = node("n2", cpu="4")
    offering["status"]["allocatable"]["example.com/gpu"] = "0"
    found = asked(pod(**EXTENDED), node("n1", cpu="4"), offering)

    assert found.summary == "0/2 nodes fit: 2 Insufficient example.com/gpu"


def test_equal_names_of_requests_in_several_claims_are_told_apart() -> None:
    kinds = [dev("a", kind="x"), dev("b", kind="y")]
    wanted = [
        claim(name, req(where=f'device.attributes["{DRIVER}"].kind == "{name}"')) for name in ("p", "q")
    ]
    found = asked(pod("p", "q"), *ONE, cls("nic", driver=NIC), pool("n1", *kinds), *wanted)

    assert [text.partition(":")[0] for text in messages(found)] == [
        f"request r of claim default/{name}" for name in ("p", "q")
    ]
    sets = [frozenset(change.text for change in item.changes) for item in found.near_misses]
    assert sets
    assert len(set(sets)) == len(sets)
    assert all(len(item) == 2 for item in sets)
    assert found.near_misses[0].text.count("instead of") == 2
    assert not any("deviceClassName" in text for item in sets for text in item)


@pytest.mark.parametrize("code", ["PoolInvalid", "PoolIncomplete"])
def test_pools_of_many_nodes_are_one_reason_behind_the_useful_one(code: str) -> None:
    refusals = [
        (Reason("NoDevices", "none", "default/c", "r"), Reason(code, f"pool d/n{at} is wrong"))
        for at in range(200)
    ]

    text = summary(0, refusals)

    assert text.startswith("0/200 nodes fit: 200 node(s) had no devices for request r; node(s) had an i")
    assert "d/n" not in text


@pytest.mark.parametrize(
    ("asked_for", "others", "first"),
    [
        ("gpu.exmple.com", ("gpu.example.com",), "with deviceClassName gpu.example.com"),
        ("gpus.example.com", ("gpu.example.com",), "with deviceClassName gpu.example.com"),
        ("channel.example.com", ("gpu.example.com",), "with a DeviceClass channel.example.com"),
        ("gpu.other.org", ("gpu.example.com",), "with a DeviceClass gpu.other.org"),
        ("gpux", ("gpu.example.com", "gpu"), "with deviceClassName gpu "),
    ],
    ids=["domain misspelt", "name misspelt", "another name", "another vendor", "without a domain"],
)
def test_a_missing_class_is_taken_for_a_misspelt_one_only_where_name_and_domain_are_alike(
    asked_for: str, others: tuple[str, ...], first: str
) -> None:
    known = [cls(name) for name in others]
    found = asked(pod("c"), node("n1"), *known, pool("n1", dev("a")), claim("c", req(of=asked_for)))

    assert found.near_misses[0].text.startswith(first)


def test_the_smallest_lowering_of_a_capacity_comes_first() -> None:
    small, large = dev("a", memory="40Gi"), dev("b", memory="80Gi")
    wanted = claim("c", req(capacity={"requests": {"memory": "100Gi"}}))
    found = asked(pod("c"), *ONE, node("n2"), pool("n1", small), pool("n2", large), wanted)

    assert [item.text for item in found.near_misses] == ["with memory 80Gi in request r (node n2)"]


def test_what_devices_need_of_a_counter_together() -> None:
    parts = [drawing(dev(name), slots="3") for name in "ab"]
    found = asked(
        pod("c"), *ONE, counters("n1", slots="4"), pool("n1", *parts, of=2), claim("c", req(count=2))
    )

    assert messages(found) == [
        "node(s) had too few counters left for all devices together (chip/slots: 6 needed, 4 left)"
    ]


def test_a_capacity_of_another_name_that_is_too_small_as_well_takes_two_changes() -> None:
    wanted = claim("c", req(capacity={"requests": {f"{DRIVER}/memory": "30Gi"}}))
    found = asked(pod("c"), *ONE, pool("n1", dev("a", memory="20Gi")), wanted)

    assert found.near_misses[0].text == (
        f"with capacity memory instead of {DRIVER}/memory in request r and with memory 20Gi in request r "
        "(node n1)"
    )


def test_a_text_names_some_of_many_claims() -> None:
    claims = [f"team-a/c{number}" for number in range(30)]
    found = free(claims, 0)
    assert found.text.count("team-a/") == 20
    assert found.text.endswith("team-a/c19 and 10 more were released")
    assert found.data == {"claims": claims}
    assert free(["team-a/c0"], 0).text == "if claim team-a/c0 were released"
