"""The tables of docs/configuration.md, from the program: every setting with its flag and the chart's value.

python tools/configuration.py          rewrites the page
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from made import page_with
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from app.cli.serve import serve
from app.settings.claims import ClaimSettings
from app.settings.election import LeaderElectSettings
from app.settings.overview import OverviewSettings
from app.settings.preemption import PreemptionSettings
from app.settings.serving import ServingSettings
from app.settings.settings import Settings
from app.settings.tracing import TracingSettings

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "configuration.md"
CONTAINER = ROOT / "charts" / "dra-extender" / "templates" / "_helpers.tpl"
PARTS: dict[str, type[BaseModel]] = {
    "What is served, and how it decides": Settings,
    "Serving": ServingSettings,
    "Claims": ClaimSettings,
    "Overview": OverviewSettings,
    "Preemption": PreemptionSettings,
    "Election": LeaderElectSettings,
    "Tracing": TracingSettings,
}
# Flags of another name than their setting's.
FLAGS = {"features": "--feature"}
# Values that are put together before they become a flag.
VALUES = {
    "auth": "auth.mode",
    "cluster_name": "overview.clusterName",
    "client_ca_file": "tls.clientCASecretName",
    "dry_run_pods": "dryRuns.pods",
    "dry_run_timeout_seconds": "dryRuns.timeoutSeconds",
    "dry_runs": "dryRuns.concurrent",
    "features": "features",
    "host": "",
    "leader_elect_service": "",
    "metrics_groups": "metrics.groups",
    "metrics_values": "metrics.values",
    "overview_attribute": "overview.attribute",
    "overview_history_file": "overview.historyVolume",
    "overview_labels": "overview.labels",
    "overview_prometheus_ca_file": "overview.prometheusCA",
    "overview_prometheus_password_file": "overview.prometheusCredentials",
    "overview_prometheus_selector": "overview.prometheusSelector",
    "overview_prometheus_token_file": "overview.prometheusCredentials",
    "overview_prometheus_url": "overview.prometheusURL",
    "overview_prometheus_username": "overview.prometheusUsername",
    "roles": "roles.separate",
    "tls_cert_file": "tls.secretName",
    "tls_key_file": "tls.secretName",
    "webhook_client_names": "tls.clientNames",
}


def page() -> str:
    """The whole page with its tables. Raises: ValueError for a setting that is not described."""
    return page_with(PAGE, tables())


def tables() -> str:
    """A table for each part of the settings."""
    lines: list[str] = []
    for title, part in PARTS.items():
        lines += ["", f"## {title}", "", "| in the file | flag | chart | default | |"]
        lines += ["| --- | --- | --- | --- | --- |", *_rows(part)]
    return "\n".join(lines) + "\n"


def _rows(part: type[BaseModel]) -> Iterator[str]:
    told, flags, values = descriptions(part), flags_of_serve(), chart_values()
    for name, text in told.items():
        field = Settings.model_fields[name]
        flag = FLAGS.get(name, f"--{name.replace('_', '-')}")
        cells = (
            f"`{to_camel(name)}`",
            f"`{flag}`" if flag in flags else "",
            f"`{value}`" if (value := VALUES.get(name, values.get(name, ""))) else "",
            _default(field),
            _described(field, text),
        )
        yield f"| {' | '.join(cells)} |"


def descriptions(part: type[BaseModel]) -> dict[str, str]:
    """Name -> docstring of the settings that a class itself has. Raises: ValueError for one without."""
    (defined,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
    body = defined.body if isinstance(defined, ast.ClassDef) else []
    found: dict[str, str] = {}
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        told = following.value if isinstance(following, ast.Expr) else None
        text = told.value if isinstance(told, ast.Constant) else None
        if not text:
            raise ValueError(f"{part.__name__}.{statement.target.id} has no description")
        found[statement.target.id] = " ".join(str(text).replace("``", "`").split())
    return found


def flags_of_serve() -> set[str]:
    """As they are written: --host."""
    return {
        text
        for parameter in serve.params
        if not getattr(parameter, "hidden", False)
        for text in parameter.opts
    }


def chart_values() -> dict[str, str]:
    """Setting -> value of the chart that becomes its flag, as the container's template has them."""
    found = re.findall(r"--([a-z-]+)=[^\n]*?\.Values\.([\w.]+)", CONTAINER.read_text(encoding="utf-8"))
    return {flag.replace("-", "_"): value for flag, value in found}


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value in (None, "", (), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _described(field: FieldInfo, text: str) -> str:
    choices = _choices(field.annotation)
    named = f"One of {', '.join(f'`{choice}`' for choice in choices)}. " if choices else ""
    return (named + text).replace("|", "\\|")


def _choices(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
