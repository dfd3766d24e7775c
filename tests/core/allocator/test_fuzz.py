"""The generator against the in-tree allocator itself; ``make fuzz`` does the same at length."""

from pathlib import Path

import pytest
from fuzz import __main__ as fuzz
from fuzz import amounts, compare, generator, inventory, shrink, versions
from oracle import Oracle

from app.core.allocator import Misfit
from app.core.versions import version_named
from app.manifests.validation.schema import unknown_fields


@pytest.mark.oracle
def test_no_difference_from_the_in_tree_allocator(in_tree: Oracle, tmp_path: Path) -> None:
    exclusions = fuzz.run(in_tree, 50_000, 300, tmp_path)
    assert [path.read_text() for path in exclusions.found] == []
    assert exclusions.steps["here"] < exclusions.steps["in-tree"]
    assert min(exclusions.verdicts[verdict] for verdict in ("fits", "misfit", "invalid")) > 30


@pytest.mark.oracle
def test_a_wrong_answer_is_a_difference(in_tree: Oracle) -> None:
    request, answers = _first_that_fits(in_tree)
    wrong = [compare.Answer(item.node, item.theirs, Misfit()) for item in answers]
    found = compare.differences(in_tree, request, wrong)
    assert "fits-misfit" in {item.kind for item in found}


@pytest.mark.oracle
def test_an_allocation_of_other_devices_is_a_difference(in_tree: Oracle) -> None:
    request, answers = _first_that_fits(in_tree)
    fitting = next(item for item in answers if item.theirs["verdict"] == "fits")
    turned = fitting.theirs | {"allocations": fitting.theirs["allocations"] * 2}
    (found,) = compare.differences(in_tree, request, [compare.Answer(fitting.node, turned, fitting.ours)])
    assert found.kind == "allocation"


V1BETA2 = "resource.k8s.io/v1beta2"
TWICE = generator.odd_case(770_000_001)
"""An attribute of a device is published with and without the domain: ``make fuzz SEED=77``."""


@pytest.mark.parametrize(("version", "ordered"), [("1.36", False), ("1.37", False), ("1.38", True)])
def test_in_tree_takes_either_of_two_values_of_one_name_until_1_37(version: str, ordered: bool) -> None:
    assert compare.is_ordered(TWICE | {"kubernetesVersion": version}) is ordered


@pytest.mark.oracle
@pytest.mark.parametrize("verdict", ["misfit", "invalid"])
def test_each_of_these_answers_is_right(in_tree: Oracle, verdict: str) -> None:
    (answer,) = compare.ask_both(in_tree, TWICE)
    given = compare.Answer(answer.node, {"verdict": verdict, "steps": 2}, answer.ours)
    assert compare.differences(in_tree, TWICE, [given]) == []


def test_cases_for_1_33_have_no_field_that_it_lacks() -> None:
    found = set()
    for number in range(200):
        case = versions.for_version(generator.odd_case(number), version_named("1.33"), number)
        for raw in case["objects"]:
            if raw["kind"] != "Node":
                found |= {text for _, text in unknown_fields(raw | {"apiVersion": V1BETA2}, "1.33")}
    assert found == set()


def test_minimised_case_has_no_part_to_spare() -> None:
    request = generator.case(7)
    wanted = {item["metadata"]["name"] for item in request["objects"] if item["kind"] == "DeviceClass"}

    def still_shows(case: dict) -> bool:
        return {item["metadata"]["name"] for item in case["objects"]} >= wanted

    smallest = shrink.shrink(request, still_shows)
    assert [item["kind"] for item in smallest["objects"]] == ["DeviceClass", "DeviceClass"]


def test_no_other_capacity_beside_one_by_two_names() -> None:
    requests = {"lanes": "1", "gpu.example.com/slots": "1Gi", "slots": "7"}
    exactly = {"deviceClassName": "class", "capacity": {"requests": requests}}
    claim = {"kind": "ResourceClaim", "spec": {"devices": {"requests": [{"exactly": exactly}]}}}
    (plain,) = amounts.with_one_answer({"objects": [claim]})["objects"]
    left = plain["spec"]["devices"]["requests"][0]["exactly"]["capacity"]["requests"]
    assert left == {"gpu.example.com/slots": "1Gi", "slots": "7"}


@pytest.mark.parametrize(
    ("version", "amount", "plain"),
    [
        ("1.35", "8Ei", "7Ei"),
        ("1.35", "9223372036854775807", "7Ei"),
        ("1.35", "7Ei", "7Ei"),
        ("1.35", "1.5Gi", "1610612736"),
        ("1.35", "999999999999999999", "999999999999999999"),
        ("1.37", "8Ei", "8Ei"),
    ],
)
def test_amounts_that_in_tree_changes_become_integers(version: str, amount: str, plain: str) -> None:
    exactly = {"deviceClassName": "class", "capacity": {"requests": {"slots": amount}}}
    claim = {"kind": "ResourceClaim", "spec": {"devices": {"requests": [{"exactly": exactly}]}}}
    case = amounts.with_one_answer({"objects": [claim], "kubernetesVersion": version})
    changed = case["objects"][0]["spec"]["devices"]["requests"][0]["exactly"]["capacity"]["requests"]
    assert changed == {"slots": plain}


def test_same_number_same_case() -> None:
    assert generator.case(11) == generator.case(11)
    assert generator.case(11) != generator.case(12)


def _first_that_fits(in_tree: Oracle) -> tuple[dict, list[compare.Answer]]:
    for number in range(100):
        request = generator.case(number)
        if not compare.is_ordered(request):
            continue
        answers = compare.ask_both(in_tree, request)
        if any(inventory.verdict(item.ours) == "fits" for item in answers):
            return request, answers
    raise AssertionError("no generated case fits")
