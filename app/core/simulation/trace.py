"""Traces: which Pods come, when, for how long, and what they request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.errors import FieldError, path_text
from app.core.model.resource_claim import ClaimSpec, read_claim_spec

_MAX_AMOUNT = 1e15
"""Above the seconds of any trace: larger numbers are not exact."""


@dataclass(frozen=True, slots=True)
class PodKind:
    """Pods with the same requests. ``size`` is what one requests, in devices."""

    name: str
    size: float
    spec: ClaimSpec


@dataclass(frozen=True, slots=True)
class Job:
    """One Pod: comes at ``at`` and, once it is placed, runs for ``seconds``."""

    name: str
    kind: str
    at: float
    seconds: float


_Named = TypeVar("_Named", PodKind, Job)


@dataclass(frozen=True, slots=True)
class Trace:
    """Jobs in the order of their arrival."""

    name: str
    kinds: Mapping[str, PodKind]
    jobs: Sequence[Job]

    @property
    def largest(self) -> PodKind:
        """The kind that is hardest to place: of the largest size, the last named."""
        return max(self.kinds.values(), key=lambda kind: kind.size)


def kind(name: str, size: float, spec: JsonObject) -> PodKind:
    """A kind by the spec of its claim, as in a manifest. Raises: FieldError."""
    return PodKind(name, size, read_claim_spec(spec))


def trace_to_json(trace: Trace, specs: Mapping[str, JsonObject]) -> JsonObject:
    """A trace as a file holds it. ``specs`` are the claims of the kinds, as in a manifest."""
    return {
        "name": trace.name,
        "kinds": [
            {"name": item.name, "size": item.size, "spec": specs[item.name]} for item in trace.kinds.values()
        ],
        "jobs": [
            {"name": job.name, "kind": job.kind, "at": job.at, "seconds": job.seconds} for job in trace.jobs
        ],
    }


class TraceError(ValueError):
    """A trace that cannot be read; the text names the field."""


def read_trace(raw: Any, where: str) -> Trace:
    """Reads what ``trace_to_json`` writes. Raises: TraceError."""
    try:
        source = fields.mapping(raw)
        kinds = _by_name(source, "kinds", _kind)
        jobs = _by_name(source, "jobs", _job)
        name = fields.default(source, "name", fields.text, "")
    except FieldError as error:
        path = path_text(error.path)
        raise TraceError(f"{where}: {path}: {error.reason}" if path else f"{where}: {error.reason}") from None
    for number, job in enumerate(jobs.values()):
        if job.kind not in kinds:
            raise TraceError(f"{where}: jobs[{number}].kind: there is no kind {job.kind!r}")
    for field, found in (("kinds", kinds), ("jobs", jobs)):
        if not found:
            raise TraceError(f"{where}: {field}: is empty")
    return Trace(name or where, kinds, sorted(jobs.values(), key=lambda job: job.at))


def _by_name(source: JsonObject, name: str, read: Callable[[Any], _Named]) -> dict[str, _Named]:
    """The items of a list, of which each has its own name. Raises: FieldError."""
    if source.get(name) is None:
        raise FieldError("is missing", name)
    found: dict[str, _Named] = {}
    for number, item in enumerate(fields.listed(source, name, read)):
        if item.name in found:
            raise FieldError(f"duplicate name {item.name!r}", name, number, "name")
        found[item.name] = item
    return found


def _kind(raw: Any) -> PodKind:
    source = fields.mapping(raw)
    return PodKind(
        fields.required(source, "name", fields.text),
        fields.required(source, "size", _amount),
        fields.required(source, "spec", read_claim_spec),
    )


def _job(raw: Any) -> Job:
    source = fields.mapping(raw)
    return Job(
        fields.required(source, "name", fields.text),
        fields.required(source, "kind", fields.text),
        fields.required(source, "at", _amount),
        fields.required(source, "seconds", _amount),
    )


def _amount(value: Any) -> float:
    """A finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError("must be a number")
    if not 0 <= value <= _MAX_AMOUNT:
        raise FieldError("must be 0 or more, and finite")
    return float(value)
