"""Workloads: what makes Pods from a Pod template."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.meta import Meta, read_meta
from app.core.model.pod import Pod, pod_from_spec

_TEMPLATE_PATHS = {
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
}
KINDS = frozenset(_TEMPLATE_PATHS)


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload. ``replicas`` is None for a DaemonSet: one Pod a node."""

    kind: str
    meta: Meta
    replicas: int | None
    template: Pod

    def pods(self, count: int) -> Iterator[Pod]:
        """``count`` Pods, named after the workload (or its generateName) and numbered from 0."""
        stem = self.meta.name or self.meta.generate_name.removesuffix("-")
        for index in range(count):
            meta = self.template.meta
            name = f"{stem}-{index}"
            yield _renamed(
                self.template,
                Meta(name, self.meta.namespace, labels=meta.labels, annotations=meta.annotations),
            )


def read_workload(kind: str, raw: Any) -> Workload:
    """Reads a workload of one of ``KINDS``."""
    source = fields.mapping(raw)
    meta = read_meta(raw, namespaced=True, name_required=False)
    if not meta.name and not meta.generate_name:
        raise FieldError("is missing", "metadata", "name")
    path = _TEMPLATE_PATHS[kind]
    template = _descend(source, path)
    try:
        pod_meta = read_meta(template, namespaced=False, name_required=False)
        pod = pod_from_spec(pod_meta, fields.required(template, "spec", fields.mapping), {})
    except FieldError as error:
        raise error.under(*path) from None
    return Workload(kind, meta, _replicas(kind, source), pod)


def _replicas(kind: str, source: JsonObject) -> int | None:
    if kind == "DaemonSet":
        return None
    path = ("spec", "jobTemplate", "spec") if kind == "CronJob" else ("spec",)
    spec = _descend(source, path)
    try:
        if kind not in ("Job", "CronJob"):
            return _count(spec, "replicas", 1)
        # What runs at one time: the smaller of parallelism and completions.
        return min(_count(spec, "parallelism", 1), _count(spec, "completions", 2**31))
    except FieldError as error:
        raise error.under(*path) from None


def _count(spec: JsonObject, name: str, otherwise: int) -> int:
    value = fields.default(spec, name, fields.integer, otherwise)
    if value < 0:
        raise FieldError("must not be negative", name)
    return value


def _descend(source: JsonObject, path: tuple[str, ...]) -> JsonObject:
    for depth, name in enumerate(path):
        try:
            source = fields.required(source, name, fields.mapping)
        except FieldError as error:
            raise error.under(*path[:depth]) from None
    return source


def _renamed(pod: Pod, meta: Meta) -> Pod:
    return Pod(
        meta=meta,
        claims=pod.claims,
        scheduler_name=pod.scheduler_name,
        priority=pod.priority,
        requests=pod.requests,
        node_selector=pod.node_selector,
        required_affinity=pod.required_affinity,
        tolerations=pod.tolerations,
    )
