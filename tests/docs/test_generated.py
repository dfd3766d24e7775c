"""Pages that the program generates are committed as they are generated."""

import api_page
import chart_page
import command_line
import configuration
import decisions
import openb_table
import pytest
import upstream_page

GENERATORS = (api_page, chart_page, command_line, configuration, decisions, openb_table, upstream_page)


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda generator: generator.__name__)
def test_a_page_is_up_to_date(generator: object) -> None:
    page, path = generator.page, generator.PAGE  # type: ignore[attr-defined]
    assert page() == path.read_text(encoding="utf-8"), "run: make generate"
