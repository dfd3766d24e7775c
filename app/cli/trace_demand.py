"""The Pods of a trace that run together, as objects of a dry run."""

from typing import Any

from app.cli.problems import InputError
from app.cli.talk import counted, say
from app.core.json_object import JsonObject


def demand_fields(trace_file: str, quantile: float, namespace: str) -> JsonObject:
    """The fields ``pods`` and ``objects`` of a request: the Pods at this quantile of the trace's demand, and
    a template for each of their kinds. Raises: InputError.
    """
    from app.cli.trace_file import read_trace_file  # noqa: PLC0415 - --help must be quick
    from app.core.simulation.demand import demand_at  # noqa: PLC0415 - as above

    read = read_trace_file(trace_file)
    trace, specs = read.trace, read.specs
    found = demand_at(trace, quantile)
    fields: dict[str, list[JsonObject]] = {"pods": [], "objects": []}
    for number, (kind, count) in enumerate(sorted(found.pods.items())):
        # Names of kinds may be any text.
        template = f"trace-kind-{number}"
        fields["objects"].append(_template(template, namespace, specs[kind]))
        fields["pods"] += [_pod(f"{template}-{index}", namespace, template) for index in range(count)]
    if not fields["pods"]:
        raise InputError(f"--trace: no Pod runs at the {quantile:g} quantile", "use a larger --quantile")
    say(
        f"{trace.name}: at the {quantile:g} quantile of its demand, {found.at:g} s after its start, "
        f"{counted(len(fields['pods']), 'Pod')} with {found.size:g} devices; at most {found.peak:g} devices"
    )
    return fields


def _template(name: str, namespace: str, spec: Any) -> JsonObject:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"spec": spec},
    }


def _pod(name: str, namespace: str, template: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "containers": [{"name": "main", "image": "none"}],
            "resourceClaims": [{"name": "devices", "resourceClaimTemplateName": template}],
        },
    }
