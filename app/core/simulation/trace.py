"""Traces: which Pods come, when, for how long, and what they request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.resource_claim import ClaimSpec, read_claim_spec


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
        kinds = {str(item["name"]): kind(str(item["name"]), float(item["size"]), item["spec"])
                 for item in raw["kinds"]}  # fmt: skip
        jobs = [
            Job(str(item["name"]), str(item["kind"]), float(item["at"]), float(item["seconds"]))
            for item in raw["jobs"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise TraceError(f"{where}: {type(error).__name__}: {error}") from None
    for number, job in enumerate(jobs):
        if job.kind not in kinds:
            raise TraceError(f"{where}: jobs[{number}].kind: there is no kind {job.kind!r}")
        if not (job.at >= 0 and job.seconds >= 0):
            raise TraceError(f"{where}: jobs[{number}]: at and seconds must be 0 or more")
    if not kinds:
        raise TraceError(f"{where}: kinds: is empty")
    return Trace(str(raw.get("name") or where), kinds, sorted(jobs, key=lambda job: job.at))
