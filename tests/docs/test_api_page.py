"""The page of the API shows every field of what is asked and answered."""

import inspect
import re

import pytest
from api_page import api_page
from pydantic import BaseModel

from app.api import models

PAGE = api_page()
SECTIONS = {
    heading.strip(): text
    for heading, text in re.findall(r"^##+ (.+)\n((?:(?!^##).*\n)*)", PAGE, re.MULTILINE)
}
# Bodies are shown where they are asked for; the others are types of their own.
BODIES = {"PlacementRequest": "POST /api/v1/placements", "CapacityRequest": "POST /api/v1/capacity"}
APART = ("BaseModel", "Scenario", "Error")
"""What is part of others; the document calls the last ErrorDetail."""
MODELS = {
    name: model
    for name, model in inspect.getmembers(models, inspect.isclass)
    if issubclass(model, BaseModel) and not name.startswith("_") and name not in APART
}


def fields_of(section: str) -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", SECTIONS[section], re.MULTILINE))


@pytest.mark.parametrize(("name", "model"), MODELS.items(), ids=MODELS)
def test_every_field_of_a_model_is_there(name: str, model: type[BaseModel]) -> None:
    expected = {field.alias or name for name, field in model.model_fields.items()}
    assert expected <= fields_of(BODIES.get(name, name))


WEBHOOKS = {
    "prioritize": {"Pod", "NodeNames", "Nodes", "Host", "Score"},
    "filter": {"Pod", "NodeNames", "Nodes", "FailedNodes", "FailedAndUnresolvableNodes", "Error"},
    "bind": {"PodName", "PodNamespace", "PodUID", "Node", "Error"},
}


@pytest.mark.parametrize(("verb", "fields"), WEBHOOKS.items(), ids=WEBHOOKS)
def test_webhooks_show_the_fields_of_kube_scheduler(verb: str, fields: set[str]) -> None:
    assert fields <= fields_of(f"POST /scheduler/{verb}")


def test_links_lead_to_sections() -> None:
    anchors = {heading.lower() for heading in SECTIONS}
    named = set(re.findall(r"\]\(#([^)]+)\)", PAGE))
    assert {"erroranswer", "placementanswer", "devicetaint"} <= named
    assert named <= anchors
