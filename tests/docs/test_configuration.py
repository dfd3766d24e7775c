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


def test_an_unknown_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRA_FILTER_TIMEOUT", "4")
    with pytest.raises(SettingsError, match=r"^DRA_FILTER_TIMEOUT: unknown setting; did you mean"):
        load_settings({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DRA_EXTENDER_TOKEN", "secret"),
        ("DRA_DRIVER_SERVICE_HOST", "10.0.0.1"),
        ("DRA_DRIVER_SERVICE_PORT_HTTPS", "443"),
        ("DRA_DRIVER_PORT", "tcp://10.0.0.1:443"),
        ("DRA_DRIVER_PORT_443_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert load_settings({}).port == load_settings({"port": None}).port


@pytest.mark.parametrize("name", ["DRA_OTLP_ENDPOINT", "DRA_OVERVIEW_PROMETHEUS_URL"])
def test_an_invalid_url_is_told_of_in_words(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "collector:4318")
    with pytest.raises(SettingsError, match=f"^{name}: must be a URL such as http://127.0.0.1:4318$"):
        load_settings({})


def test_a_token_for_no_prometheus_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRA_OVERVIEW_PROMETHEUS_TOKEN_FILE", "/token")
    with pytest.raises(SettingsError, match="require overview_prometheus_url"):
        load_settings({})
