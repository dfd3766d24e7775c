"""Decisions follow one template, and point at each other in both directions."""

import re
from itertools import pairwise

import decisions
import pytest

PAGES = decisions.decisions()
BACK = {
    "Amends": "Amended by",
    "Amended by": "Amends",
    "Supersedes": "Superseded by",
    "Superseded by": "Supersedes",
}


def test_there_are_decisions() -> None:
    assert len(PAGES) > 30
    assert all(one.number < other.number for one, other in pairwise(PAGES)), "one page for each number"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.number)
def test_a_page_follows_the_template(page: decisions.DecisionPage) -> None:
    assert page.sections == decisions.SECTIONS
    assert page.fields["Status"] in decisions.STATES
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", page.fields["Date"])
    assert ("Superseded by" in page.fields) == (page.fields["Status"] == "superseded")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.number)
def test_what_amends_a_page_is_named_on_both(page: decisions.DecisionPage) -> None:
    pages = {other.path.name: other for other in PAGES}
    for field in {*BACK, "Builds on"} & set(page.fields):
        links = page.links(field)
        assert links, f"{field} names a page by its link"
        for number, name in links.items():
            assert pages[name].number == number
            assert field not in BACK or page.number in pages[name].links(BACK[field]), (field, name)


def test_no_section_is_empty() -> None:
    for page in PAGES:
        text = page.path.read_text(encoding="utf-8")
        assert not re.search(r"^## .+\n+(?=## |\Z)", text, re.MULTILINE), page.path.name
