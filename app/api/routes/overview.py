"""How full the cluster is, what is free, who waits, and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from heapq import nlargest, nsmallest
from itertools import chain, islice
from operator import itemgetter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.models.overview import HistoryAnswer, OverviewAnswer
from app.api.overview_history import STEP_SECONDS, OverviewSample, series_of
from app.api.program_version import program_version
from app.api.query import Namespace
from app.api.responses import json_response
from app.api.service import Service, ServiceOf
from app.api.shown_names import ShownNames, shown_names
from app.core.advice.redaction import OTHERS
from app.core.overview.groups import DemandRoom, DeviceGroup, Sums
from app.core.overview.overview import Overview, Question
from app.core.overview.pending import MAX_ASKS, PendingGroup
from app.core.overview.troubles import Troubles
from app.core.pauses import FEW, in_order, paced, paced_if_many
from app.core.state.device_views import STATES

router = APIRouter(prefix="/api/v1", tags=["inventory"])

MAX_GROUPS = 100
MAX_LISTED = 20


@router.get(
    "/overview",
    operation_id="getOverview",
    response_model=OverviewAnswer,
    summary="How full the cluster is, what is free, which Pods are pending, and why",
)
async def overview(
    request: Request,
    service: ServiceOf,
    *,
    namespace: Namespace,
    attribute: Annotated[
        str,
        Query(
            max_length=400,
            description="Attribute of devices to group by, with or without its domain; default: the setting "
            "overview_attribute, or the first of productName, product, model, type and family.",
        ),
    ] = "",
    label: Annotated[
        list[str] | None,
        Query(
            max_length=8,
            description="Labels of nodes to group by; default: the setting overview_labels, or one for the "
            "pool and one for the zone of a node.",
        ),
    ] = None,
    driver: Annotated[str, Query(max_length=400, description="Only devices of this driver.")] = "",
) -> Response:
    """The numbers are those of the lists of nodes, devices, claims and Pods, added up. They are kept until
    something changes, and on a large cluster for a moment longer: `revision` is that of the numbers.
    """
    service.require_synced()
    settings = service.settings
    question = Question(
        attribute or settings.overview_attribute,
        tuple(dict.fromkeys(label)) if label else settings.overview_labels or None,
        driver,
        namespace,
    )
    names = await shown_names(request, service.state, named=namespace, granted=(namespace,))
    seen = await service.overviews.answer(question)
    return json_response(await service.time_slice().run(lambda: answer_of(service, seen, names)))


@router.get(
    "/overview/history",
    operation_id="getOverviewHistory",
    response_model=HistoryAnswer,
    summary="Numbers of the overview over the last 24 hours",
)
async def history(service: ServiceOf) -> Response:
    """One sample a minute, of this replica, thinned out to 288. A restart loses them, unless the setting
    overview_history_file or overview_prometheus_url is given: `source` is where they come from. For longer
    times, use Prometheus: /metrics has the same numbers.
    """
    kept = service.overview_history
    points = kept.points()
    series = await service.time_slice().run(lambda: _series(points))
    return json_response(
        {
            "stepSeconds": STEP_SECONDS,
            "at": [item.at for item in points],
            "series": series,
            "source": kept.source,
        }
    )


def _series(points: Sequence[OverviewSample]) -> list[dict[str, Any]]:
    return [
        {"name": name, "values": [_rounded(item.values.get(name)) for item in points]}
        for name in paced(series_of(points), 1)
    ]


def answer_of(service: Service, seen: Overview, names: ShownNames) -> dict[str, Any]:
    """The body. Cost: O(groups + taints + troubles), with pauses."""
    narrowed = bool(seen.question.namespace)
    return {
        "revision": str(seen.revision),
        "namespace": seen.question.namespace,
        "cluster": _cluster(service),
        "nodes": 0 if narrowed else seen.nodes,
        **(_narrowed() if narrowed else _devices(seen)),
        "namespaces": _namespaces(seen, names),
        "pending": _pending(seen, names),
        "troubles": _troubles(seen, names, narrowed=narrowed),
        "mix": [] if narrowed else [_room(room) for room in seen.sums.rooms],
    }


def _cluster(service: Service) -> dict[str, Any]:
    facts, decider = service.cluster, service.decides_with
    election = decider.election if decider is not None else None
    age = facts.age()
    return {
        "name": facts.name,
        "version": facts.version,
        "rules": str(service.kubernetes.version),
        "server": facts.server,
        "source": facts.source,
        "extender": program_version(),
        "ageSeconds": None if age is None else round(age, 1),
        "leader": {
            # Where this process only answers, others decide.
            "elected": election is not None or decider is None,
            "self": service.decides,
            "holder": None if decider is None else election.leader if election is not None else "",
        },
    }


def _devices(seen: Overview) -> dict[str, Any]:
    sums = seen.sums
    return {
        "total": _group(sums.total) | {"fragmentation": _rounded(sums.fragmentation(seen.question.driver))},
        "drivers": [
            _group(item) | {"fragmentation": _rounded(sums.fragmentation(item.name))}
            for item in _largest(sums.drivers)
        ],
        "driversOmitted": max(0, len(sums.drivers) - MAX_GROUPS),
        "attribute": _grouped(seen.attribute, sums.values if seen.attribute else {}),
        "attributes": seen.attributes,
        "labels": [_grouped(name, groups) for name, groups in sums.labels.items()],
        "labelNames": seen.offered_labels,
    }


def _narrowed() -> dict[str, Any]:
    return {
        "total": _group(DeviceGroup("")) | {"fragmentation": None},
        "drivers": [],
        "driversOmitted": 0,
        "attribute": _grouped("", {}),
        "attributes": [],
        "labels": [],
        "labelNames": [],
    }


def _group(item: DeviceGroup) -> dict[str, Any]:
    return {
        "name": item.name,
        "devices": item.devices,
        "inUse": item.in_use,
        "free": item.free,
        "percent": _percent(item.in_use, item.devices),
        "states": dict(zip(STATES, item.states, strict=True)),
        "nodes": item.nodes,
        "largestFreeBlock": item.largest,
        "largestFreeBlockNode": item.largest_node,
    }


def _grouped(name: str, groups: Mapping[str, DeviceGroup]) -> dict[str, Any]:
    return {
        "name": name,
        "items": [_group(item) for item in _largest(groups)],
        "omitted": max(0, len(groups) - MAX_GROUPS),
    }


def _largest(groups: Mapping[str, DeviceGroup]) -> list[DeviceGroup]:
    """At most ``MAX_GROUPS``, the largest first. O(groups), with pauses: there may be one for each device."""
    return nsmallest(MAX_GROUPS, paced(groups.values()), key=_by_size)


def _by_size(item: DeviceGroup) -> tuple[int, str]:
    return -item.devices, item.name


def _namespaces(seen: Overview, shown: ShownNames) -> list[dict[str, Any]]:
    pending: dict[str, int] = {}
    for group in paced(seen.pending):
        for name, count in paced_if_many(group.namespaces.items()):
            pending[name] = pending.get(name, 0) + count
    only, total = seen.question.namespace, seen.sums.total.devices
    found: list[dict[str, Any]] = []
    uses = seen.sums.namespaces
    ranked = in_order(
        (-uses[name].in_use if name in uses else 0, name) for name in uses.keys() | pending.keys()
    )
    for _, name in ranked:
        if shown.all and len(found) == MAX_GROUPS:
            break
        if only in ("", name):
            use = uses.get(name)
            found.append(
                {
                    "name": name,
                    "inUse": use.in_use if use is not None else 0,
                    "percent": _percent(use.in_use, total) if use is not None and not only else 0.0,
                    "byDriver": _by_driver(use.by_driver) if use is not None else {},
                    "pending": pending.get(name, 0),
                }
            )
    return found if shown.all else _together(found, shown)[:MAX_GROUPS]


def _by_driver(counts: Mapping[str, int]) -> dict[str, int]:
    """At most ``MAX_GROUPS``, those with most devices, by name: each driver of a node may be another."""
    most = nsmallest(MAX_GROUPS, paced_if_many(counts.items()), key=lambda item: (-item[1], item[0]))
    return dict(sorted(most))


def _together(found: list[dict[str, Any]], shown: ShownNames) -> list[dict[str, Any]]:
    """The namespaces, with those that the caller may not see added up."""
    seen = [item for item in paced(found) if shown.sees(item["name"])]
    hidden = [item for item in paced(found) if not shown.sees(item["name"])]
    if not hidden:
        return seen
    by_driver: Counter[str] = Counter()
    for item in paced(hidden, FEW):
        by_driver.update(item["byDriver"])
    return [
        *seen,
        {
            "name": OTHERS,
            "inUse": sum(item["inUse"] for item in hidden),
            "percent": round(sum(item["percent"] for item in hidden), 1),
            "byDriver": _by_driver(by_driver),
            "pending": sum(item["pending"] for item in hidden),
        },
    ]


def _pending(seen: Overview, names: ShownNames) -> dict[str, Any]:
    oldest = [group.oldest for group in paced(seen.pending) if group.oldest]
    return {
        "pods": seen.waiting,
        "oldest": min(oldest, default=None),
        "groups": [_pending_group(group, names) for group in seen.pending[:MAX_LISTED]],
        "groupsOmitted": max(0, len(seen.pending) - MAX_LISTED),
    }


def _pending_group(group: PendingGroup, names: ShownNames) -> dict[str, Any]:
    return {
        "key": group.key,
        "reason": names.text(group.reason.text),
        "code": group.reason.code,
        "estimated": group.reason.estimated,
        "pods": group.pods,
        "oldest": group.oldest,
        "asks": [
            {"text": text, "pods": pods}
            for text, pods in nlargest(MAX_ASKS, paced(group.asks.items()), key=itemgetter(1))
        ],
        "asksOmitted": max(0, len(group.asks) - MAX_ASKS),
        "examples": ["/".join(key) for key in group.examples if names.sees(key[0])],
    }


def _troubles(seen: Overview, names: ShownNames, *, narrowed: bool) -> dict[str, Any]:
    found = Troubles(claims=seen.troubles.claims) if narrowed else seen.troubles
    shown = (item for item in paced(found.claims) if names.sees(item.namespace))
    incomplete = sum(text.startswith("pool incomplete") for text in paced(found.pools.values()))
    gone = ((pool, "no slices, and claims hold its devices") for pool in found.pools_gone)
    pools = nsmallest(
        MAX_LISTED,
        paced(chain(found.pools.items(), gone)),
        key=lambda item: (item[0].driver, item[0].pool),
    )
    return {
        "poolsIncomplete": incomplete,
        "poolsInvalid": len(found.pools) - incomplete,
        "poolsGone": len(found.pools_gone),
        "pools": [{"driver": pool.driver, "pool": pool.pool, "trouble": text} for pool, text in pools],
        "taints": [] if narrowed else _taints(seen.sums),
        "driversGone": [asdict(item) for item in found.drivers_gone[:MAX_LISTED]],
        "claimsLeft": len(found.claims),
        "claims": [asdict(item) for item in islice(shown, MAX_LISTED)],
        "nodesGone": 0 if narrowed else seen.sums.nodes_gone,
        "unschedulable": 0 if narrowed else seen.unschedulable,
    }


def _taints(sums: Sums) -> list[dict[str, Any]]:
    ranked = nsmallest(MAX_LISTED, paced(sums.tainted.items()), key=lambda item: (-item[1], item[0]))
    return [{"taint": taint, "driver": driver, "devices": count} for (taint, driver), count in ranked]


def _room(room: DemandRoom) -> dict[str, Any]:
    return {
        "text": room.text,
        "count": room.count,
        "takesAll": room.takes_all,
        "share": round(room.share, 4),
        "free": room.free,
        "unusable": room.unusable,
        "fits": room.fits,
    }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
