"""Columns of one's own, order, and ages."""

import pytest

from app.cli.output.age import age, human_duration
from app.cli.output.columns import columns_of_file, custom_columns, sorted_by
from app.cli.output.path_nodes import JsonPathError

ITEM = {"name": "d0", "count": 3, "claims": ["a", "b"], "labels": {"x.y/z": "v"}, "none": None}


def test_columns_are_heads_and_paths() -> None:
    columns = custom_columns(r"NAME:.name,CLAIMS:{.claims[*]},LABEL:labels.x\.y/z,N:.none,M:.missing")
    assert [column.head for column in columns] == ["NAME", "CLAIMS", "LABEL", "N", "M"]
    assert [column.cell(ITEM) for column in columns] == ["d0", "a,b", "v", "<none>", "<none>"]


def test_a_comma_in_brackets_separates_no_columns() -> None:
    [both, name] = custom_columns("BOTH:.claims[0,1],NAME:.name")
    assert (both.cell(ITEM), name.cell(ITEM)) == ("a,b", "d0")


@pytest.mark.parametrize("spec", ["", "NAME", "NAME:", ":.name", "NAME:.name,", "A:{.x"])
def test_columns_that_are_none_are_refused(spec: str) -> None:
    with pytest.raises(JsonPathError, match=r"\w"):
        custom_columns(spec)


def test_columns_from_a_file() -> None:
    assert [item.cell(ITEM) for item in columns_of_file("NAME  COUNT\n\n.name  {.count}\n")] == ["d0", "3"]
    with pytest.raises(JsonPathError, match="as many"):
        columns_of_file("NAME COUNT\n.name")


ORDERS = {
    "texts": (["b", "a", "C"], ["C", "a", "b"]),
    "numbers": ([10, 9, 1.5], [1.5, 9, 10]),
    "numbers as text": (["10", "9"], ["9", "10"]),
    "quantities": (["80Gi", "90M", "500m", "1k"], ["500m", "1k", "90M", "80Gi"]),
    "none first": (["b", None, "a"], [None, "a", "b"]),
    "numbers before texts": (["x", 2], [2, "x"]),
}


@pytest.mark.parametrize(("values", "expected"), ORDERS.values(), ids=ORDERS)
def test_sorted_by(values: list[object], expected: list[object]) -> None:
    assert [item["v"] for item in sorted_by([{"v": value} for value in values], ".v")] == expected


def test_a_path_that_no_item_has_is_an_error_and_an_empty_list_is_not() -> None:
    assert sorted_by([], ".x") == []
    with pytest.raises(JsonPathError, match="no item"):
        sorted_by([ITEM], ".x")


AGES = {
    -5: "<invalid>",
    -1: "0s",
    0: "0s",
    119: "119s",
    120: "2m",
    599: "9m59s",
    600: "10m",
    10799: "179m",
    10800: "3h",
    12000: "3h20m",
    28800: "8h",
    172799: "47h",
    172800: "2d",
    180000: "2d2h",
    691200: "8d",
    63072000: "2y",
    66000000: "2y33d",
    252288000: "8y",
}


@pytest.mark.parametrize(("seconds", "text"), AGES.items())
def test_durations_are_as_kubectl_prints_them(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


def test_an_age_is_relative_to_now() -> None:
    assert age("1970-01-01T00:01:00Z", 200.0) == "2m20s"
    assert age(None, 0) == age("nonsense", 0) == "<unknown>"
