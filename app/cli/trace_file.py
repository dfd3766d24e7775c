"""Reads a trace from a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.problems import InputError
from app.core.json_object import JsonObject

if TYPE_CHECKING:
    from app.core.simulation.trace import Trace

_HINT = "docs/policies.md shows the form"


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A trace, and the specs of its kinds' claims by name, as in a manifest."""

    trace: "Trace"
    specs: dict[str, JsonObject]


def read_trace_file(path: str) -> TraceFile:
    """Refuses what no trace is, and claims that an API server would refuse. Raises: InputError."""
    import orjson  # noqa: PLC0415 - --help must be quick

    from app.core.simulation.trace import TraceError, read_trace  # noqa: PLC0415 - as above

    try:
        raw = orjson.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"--trace: {path}: {error.strerror}", _HINT) from None
    except orjson.JSONDecodeError as error:
        raise InputError(f"--trace: {path}: not valid JSON: {error}", _HINT) from None
    try:
        trace = read_trace(raw, path)
    except TraceError as error:
        raise InputError(f"--trace: {error}", _HINT) from None
    for number, kind in enumerate(raw["kinds"]):
        _must_be_accepted(kind["spec"], f"--trace: {path}: kinds[{number}]")
    return TraceFile(trace, {kind["name"]: kind["spec"] for kind in raw["kinds"]})


def _must_be_accepted(spec: Any, where: str) -> None:
    """Raises: InputError."""
    from app.core.model.errors import path_text  # noqa: PLC0415 - --help must be quick
    from app.manifests.validation.api_rules import claim_rules  # noqa: PLC0415 - as above

    for path, message in claim_rules({"kind": "ResourceClaim", "spec": spec}):
        raise InputError(f"{where}.{path_text(path)}: {message}", _HINT)
