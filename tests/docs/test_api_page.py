"""The page of the API shows every field of what is asked and answered."""

import importlib
import inspect
import pkgutil
import re

import api_page
import pytest

from app.api import models
from app.api.models.body import Body

PAGE = api_page.PAGE.read_text(encoding="utf-8")
SECTIONS = {
    heading.strip(): text
    for heading, text in re.findall(r"^##+ (.+)\n((?:(?!^##).*\n)*)", PAGE, re.MULTILINE)
}
APART = ("Body", "RequestBody", "Scenario", "WaitingPods", "Error")
"""What is part of others; the document calls the last ErrorDetail."""
MODELS = {
    model.__name__: model
    for module in pkgutil.iter_modules(models.__path__)
    for _, model in inspect.getmembers(importlib.import_module(f"{models.__name__}.{module.name}"))
    if inspect.isclass(model) and issubclass(model, Body) and model.__name__ not in APART
}


def test_there_are_models() -> None:
    assert {"PlacementRequest", "PlacementAnswer", "DecisionPage"} <= set(MODELS)


def fields_of(section: str) -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", SECTIONS[section], re.MULTILINE))


@pytest.mark.parametrize(("name", "model"), MODELS.items(), ids=MODELS)
def test_every_field_of_a_model_is_there(name: str, model: type[Body]) -> None:
    expected = {field.alias or name for name, field in model.model_fields.items()}
    assert expected <= fields_of(name)


WEBHOOKS = {
    "ExtenderArgs": {"Pod", "NodeNames", "Nodes"},
    "HostPriority": {"Host", "Score"},
    "ExtenderFilterResult": {"Nodes", "NodeNames", "FailedNodes", "FailedAndUnresolvableNodes", "Error"},
    "ExtenderBindingArgs": {"PodName", "PodNamespace", "PodUID", "Node"},
    "ExtenderBindingResult": {"Error"},
}


@pytest.mark.parametrize(("name", "fields"), WEBHOOKS.items(), ids=WEBHOOKS)
def test_webhooks_show_the_fields_of_kube_scheduler(name: str, fields: set[str]) -> None:
    assert fields <= fields_of(name)


def test_links_lead_to_sections() -> None:
    anchors = {heading.lower() for heading in SECTIONS}
    named = set(re.findall(r"\]\(#([^)]+)\)", PAGE))
    assert {"erroranswer", "placementanswer", "devicetaint"} <= named
    assert named <= anchors
