"""What an API server of each version stores, against the recorded answers of Kubernetes' own CEL."""

import json

import pytest
from cel_fuzz import admitted

from app.core.selectors.admission import admit

RECORDED: dict[str, str] = json.loads(admitted.RECORDED.read_text())
TEXTS = admitted.selectors()
# A macro that hides a name of a package: cel-go before 0.29 takes the package.
SHADOWED = 'cel.bind(google, {"protobuf": {"Empty": 1}}, google.protobuf.Empty == 1)'


def differs(position: int) -> bool:
    """Whether versions answer differently."""
    return len({answers[position] for answers in RECORDED.values()} - {"-"}) > 1


@pytest.mark.parametrize("version", sorted(RECORDED))
def test_recorded_answers(version: str) -> None:
    """All selectors that versions disagree about, and every eighth of the others."""
    answers = RECORDED[version]
    assert len(answers) == len(TEXTS)
    asked = [
        place
        for place, text in enumerate(TEXTS)
        if answers[place] != "-" and text != SHADOWED and (place % 8 == 0 or differs(place))
    ]
    wrong = [
        (TEXTS[place], answers[place])
        for place in asked
        if admitted.stores(TEXTS[place], version) != (answers[place] == "1")
    ]
    assert wrong == []
    assert len(asked) > 600


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("lists.range(3).exists(x, x == 1)", "1.35"),
        ("[[1], [2]].flatten() == [1, 2]", "1.35"),
        ("[2, 1].sort() == [1, 2]", "1.35"),
        ("[1, 2, 3].slice(0, 1).size() == 1", "1.35"),
        ("[1, 1].distinct().size() == 1", "1.35"),
        ('semver("v1.0", true).major() == 1', "1.34"),
        ("device.allowMultipleAllocations", "1.36"),
        ('device.attributes["d"].`model` == "a"', "1.37"),
        ("google.protobuf.BoolValue{value: true}", "1.37"),
        ("list{} == []", "1.37"),
        ("type(1) == int", "1.38"),
        ('"a".matches(url("https://b").getHost())', "1.38"),
        ("[1].includes(1)", "1.38"),
        ('[["a"]].exists(x, x.exists(y, y.contains("a")))', "1.38"),
        ('{"a": {"b": "c"}}["a"]["b"].contains("c")', "1.38"),
        ('([["a"]] + [["b"]])[0][0].contains("a")', "1.38"),
        ('[?optional.of("a")].all(x, x.contains("a"))', "1.38"),
        ('[?optional.none()].join("a") == ""', "1.38"),
        ('["a"].map(x, [x]).exists(x, x.exists(y, y.contains("a")))', "1.38"),
    ],
)
def test_since_when_it_is_stored(text: str, since: str) -> None:
    versions = ["1.33", *sorted(RECORDED)]
    stored = [version for version in versions if admitted.stores(text, version)]
    assert stored == versions[versions.index(since) :]


def test_the_gate_is_named_where_it_is_off() -> None:
    error = admit("device.allowMultipleAllocations", admitted.features_of("1.34")).error
    assert error is not None
    assert "DRAConsumableCapacity" in error.message
