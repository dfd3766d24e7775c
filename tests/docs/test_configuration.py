"""docs/configuration.md has every setting, flag and value of the chart, as they are."""

import re
from pathlib import Path

import configuration
import pytest
import yaml

from app.settings.settings import Settings, SettingsError, load_settings

CHART = Path(__file__).parents[2] / "charts" / "dra-extender"
TEXT = configuration.PAGE.read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (?:`([\w-]+)`)? ?\| (?:`([\w.]+)`)? ?\|", re.MULTILINE)


def test_every_setting_is_there_once() -> None:
    described = [name for name, _, _ in ROW.findall(TEXT)]
    assert sorted(described) == sorted(configuration.to_camel(name) for name in Settings.model_fields)


def test_every_flag_is_there() -> None:
    described = {flag for _, flag, _ in ROW.findall(TEXT) if flag}
    assert described == {flag for flag in configuration.flags_of_serve() if flag.startswith("--")} - {
        "--config",
        "--help",
    }


def test_the_values_are_in_the_chart() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    named = {value for _, _, value in ROW.findall(TEXT) if value}
    assert {"policy", "auth.mode", "claims.fieldManager"} <= named
    for path in named:
        found = values
        for part in path.split("."):
            found = found[part]


def test_the_chart_has_the_defaults_of_the_program() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["claims"]
    for name, value in values.items():
        (field,) = (field for field in Settings.model_fields if configuration.to_camel(field) == name)
        assert Settings.model_fields[field].default == value, name


def test_the_file_of_the_page_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    file = tmp_path / "config.yaml"
    file.write_text(example)
    settings = load_settings({}, file)
    assert (settings.policy, settings.filter_timeout_seconds, settings.reconcile_grace_seconds) == (
        "spread",
        4,
        90,
    )


def test_a_variable_sets_each_setting_in_capital_or_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DRA_PORT": "9999",
        "dra_gang_labels": "a/b, c/d",
        "DRA_FEATURES": "AdminAccess=false",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DRA_UNKNOWN", "1")
    settings = load_settings({"port": None})
    assert (settings.port, settings.gang_labels, settings.features) == (
        9999,
        ("a/b", "c/d"),
        {"AdminAccess": False},
    )


def test_an_invalid_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRA_PORT", "many")
    with pytest.raises(SettingsError, match=r"^DRA_PORT: "):
        load_settings({})
