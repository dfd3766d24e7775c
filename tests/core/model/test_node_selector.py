"""Node selectors against component-helpers' nodeaffinity and apimachinery's label requirements."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model.errors import FieldError
from app.core.model.node_selector import NodeSelector, SelectorError, read_node_selector

LABELS = {"zone": "a", "gpu": "8", "empty": "", "text": "x8", "example.com/rack": "r1", "low": str(-(2**63))}
NODE = "node-1"


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def name_field(operator: str, *values: str, key: str = "metadata.name") -> dict[str, Any]:
    return {"matchFields": [{"key": key, "operator": operator, "values": list(values)}]}


def selector(*terms: dict[str, Any]) -> NodeSelector:
    return read_node_selector({"nodeSelectorTerms": list(terms)})


OPERATORS = {
    "in-one-of-several": (expression("zone", "In", "b", "a"), True),
    "in-none": (expression("zone", "In", "b"), False),
    "in-absent-label": (expression("nope", "In", "a"), False),
    "in-empty-value": (expression("empty", "In", ""), True),
    "in-prefixed-key": (expression("example.com/rack", "In", "r1"), True),
    "not-in": (expression("zone", "NotIn", "b"), True),
    "not-in-holds-it": (expression("zone", "NotIn", "a", "b"), False),
    "not-in-absent-label": (expression("nope", "NotIn", "a"), True),
    "exists": (expression("empty", "Exists"), True),
    "exists-absent": (expression("nope", "Exists"), False),
    "does-not-exist": (expression("nope", "DoesNotExist"), True),
    "does-not-exist-but-does": (expression("empty", "DoesNotExist"), False),
    "gt": (expression("gpu", "Gt", "7"), True),
    "gt-equal": (expression("gpu", "Gt", "8"), False),
    "gt-leading-zeros": (expression("gpu", "Gt", "007"), True),
    "gt-absent": (expression("nope", "Gt", "0"), False),
    "gt-text-label": (expression("text", "Gt", "0"), False),
    "gt-empty-label": (expression("empty", "Gt", "0"), False),
    "lt": (expression("gpu", "Lt", "9"), True),
    "lt-equal": (expression("gpu", "Lt", "8"), False),
    "lt-least-int64": (expression("low", "Lt", "0"), True),
    "field-in": (name_field("In", NODE), True),
    "field-in-other": (name_field("In", "node-2"), False),
    "field-not-in": (name_field("NotIn", "node-2"), True),
    "field-not-in-same": (name_field("NotIn", NODE), False),
    "other-field-is-empty": (name_field("In", "", key="metadata.namespace"), True),
    "other-field-has-no-value": (name_field("NotIn", "x", key="metadata.namespace"), True),
    "expression-and-field": (expression("zone", "In", "a") | name_field("In", NODE), True),
    "expression-without-field": (expression("zone", "In", "a") | name_field("In", "node-2"), False),
    "empty-term": ({}, False),
    "term-of-empty-lists": ({"matchExpressions": [], "matchFields": []}, False),
}


@pytest.mark.parametrize(("term", "expected"), OPERATORS.values(), ids=OPERATORS)
def test_one_term(term: dict[str, Any], expected: bool) -> None:
    assert selector(term).matches(NODE, LABELS) is expected


def test_all_requirements_of_a_term_must_hold() -> None:
    both = {
        "matchExpressions": [{"key": "zone", "operator": "Exists"}, {"key": "nope", "operator": "Exists"}]
    }
    assert not selector(both).matches(NODE, LABELS)


def test_one_term_is_enough() -> None:
    assert selector({}, expression("zone", "In", "b"), expression("gpu", "Exists")).matches(NODE, LABELS)


def test_no_terms_select_nothing() -> None:
    assert not selector().matches(NODE, LABELS)


MALFORMED = {
    "unknown-operator": (expression("zone", "Near", "a"), "not a valid node selector operator"),
    "no-operator": ({"matchExpressions": [{"key": "zone"}]}, "not a valid node selector operator"),
    "in-without-values": (expression("zone", "In"), "can't be empty"),
    "not-in-without-values": (expression("zone", "NotIn"), "can't be empty"),
    "exists-with-values": (expression("zone", "Exists", "a"), "must be empty"),
    "does-not-exist-with-values": (expression("zone", "DoesNotExist", "a"), "must be empty"),
    "gt-without-value": (expression("gpu", "Gt"), "exactly one value"),
    "lt-with-two": (expression("gpu", "Lt", "1", "2"), "exactly one value"),
    "gt-text": (expression("gpu", "Gt", "many"), "must be an integer"),
    "gt-beyond-int64": (expression("gpu", "Gt", "9223372036854775808"), "must be an integer"),
    "gt-negative-is-no-label-value": (expression("gpu", "Gt", "-1"), "not a label value"),
    "gt-very-long": (expression("gpu", "Gt", "9" * 5000), "must be an integer"),
    "empty-key": (expression("", "Exists"), "not a label key"),
    "key-of-bad-characters": (expression("a b", "Exists"), "not a label key"),
    "key-too-long": (expression("k" * 64, "Exists"), "not a label key"),
    "key-with-empty-prefix": (expression("/rack", "Exists"), "not a label key"),
    "key-with-two-slashes": (expression("a/b/c", "Exists"), "not a label key"),
    "key-with-upper-case-prefix": (expression("Example.com/rack", "Exists"), "not a label key"),
    "key-with-long-prefix": (expression("p" * 254 + "/rack", "Exists"), "not a label key"),
    "value-too-long": (expression("zone", "In", "v" * 64), "not a label value"),
    "value-of-bad-characters": (expression("zone", "In", "a/b"), "not a label value"),
    "field-operator": (name_field("Exists"), "not a valid field selector operator"),
    "field-of-two-values": (name_field("In", NODE, "node-2"), "exactly one value"),
    "field-without-values": (name_field("NotIn"), "exactly one value"),
}


@pytest.mark.parametrize(("term", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_terms_are_errors_even_beside_one_that_matches(term: dict[str, Any], reason: str) -> None:
    with pytest.raises(SelectorError, match=reason):
        selector(expression("zone", "In", "a"), term).matches(NODE, LABELS)


@pytest.mark.parametrize("label", ["8" * 5000, "9223372036854775808", "\u0668", "8 ", "8_0"])
def test_labels_that_are_no_int64_are_never_greater_or_less(label: str) -> None:
    assert not selector(expression("gpu", "Gt", "0")).matches(NODE, {"gpu": label})
    assert not selector(expression("gpu", "Lt", "9")).matches(NODE, {"gpu": label})


WRONG_TYPES = {
    "selector": ([], ()),
    "terms": ({"nodeSelectorTerms": {}}, ("nodeSelectorTerms",)),
    "term": ({"nodeSelectorTerms": ["a"]}, ("nodeSelectorTerms", 0)),
    "fields": ({"nodeSelectorTerms": [{"matchFields": 1}]}, ("nodeSelectorTerms", 0, "matchFields")),
    "requirement": (
        {"nodeSelectorTerms": [{}, {"matchExpressions": [7]}]},
        ("nodeSelectorTerms", 1, "matchExpressions", 0),
    ),
    "value": (
        {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", 2]}]}]},
        ("nodeSelectorTerms", 0, "matchExpressions", 0, "values", 1),
    ),
}


@pytest.mark.parametrize(("raw", "path"), WRONG_TYPES.values(), ids=WRONG_TYPES)
def test_wrong_types_are_named_by_path(raw: Any, path: tuple[str | int, ...]) -> None:
    with pytest.raises(FieldError) as caught:
        read_node_selector(raw)
    assert caught.value.path == path


requirement = st.fixed_dictionaries(
    {
        "key": st.sampled_from([*LABELS, "nope"]),
        "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]),
    },
    optional={"values": st.lists(st.sampled_from(["a", "8", "", "x"]), min_size=1, max_size=2)},
)
terms = st.fixed_dictionaries(
    {}, optional={"matchExpressions": st.lists(requirement, min_size=1, max_size=3)}
)


@given(st.lists(terms, max_size=3))
def test_the_kubernetes_form_reads_back_the_same(raw_terms: list[dict[str, Any]]) -> None:
    first = selector(*raw_terms)
    assert read_node_selector(first.to_json()) == first
    assert first.to_json() == {"nodeSelectorTerms": raw_terms}


@given(st.sampled_from([*LABELS, "nope"]), st.lists(st.sampled_from(["a", "8", "", "x"]), min_size=1))
def test_in_and_not_in_are_opposites(key: str, values: list[str]) -> None:
    inside = selector(expression(key, "In", *values)).matches(NODE, LABELS)
    outside = selector(expression(key, "NotIn", *values)).matches(NODE, LABELS)
    assert inside is not outside
