"""Prints the result of a dry run (POST /api/v1/placements) as tables."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from app.cli.output.devices_text import devices_of, results_of
from app.cli.talk import counted, out, table
from app.core.allocator.evidence import named
from app.core.json_object import JsonObject

MAX_NODES = 20
"""Rows in the report of one Pod, unless all nodes are requested; nodes with equal reasons share one."""
MAX_NAMES = 3
"""Nodes named in one row."""
_COLORS = {"fits": "green", "misfit": "", "invalid": "red"}


def as_table(answer: JsonObject, *, explain: bool = False) -> None:
    """One line for each Pod with node and devices; below, the reasons of nodes for Pods without a node."""
    head, full = ("POD", "NODE", "DEVICES"), _pools_of_several_drivers(answer)
    _print(
        answer,
        head,
        lambda pod: [_name(pod), _node(pod), _devices(pod, full=full)],
        MAX_NODES,
        explain=explain,
    )


def as_wide(answer: JsonObject, *, explain: bool = False) -> None:
    """As ``as_table``, with scores, names of claims, devices in full, and every node."""
    head = ("POD", "NODE", "SCORE", "CLAIMS")
    _print(
        answer, head, lambda pod: [_name(pod), _node(pod), _score(pod), _claims(pod)], None, explain=explain
    )
    for text in dict.fromkeys(filter(None, map(_parts, answer["pods"]))):
        out(text)


def _print(
    answer: JsonObject,
    head: tuple[str, ...],
    row: Callable[[JsonObject], list[str]],
    most: int | None,
    *,
    explain: bool,
) -> None:
    pods = _with_reasons(answer["pods"])
    colors = ["green" if pod["node"] is not None else "red" for pod in pods]
    out(table(head, [row(pod) for pod in pods], colors))
    listed = [pod for pod in pods if pod["node"] is None or explain]
    # In a gang that is not placed, each Pod is evaluated after the Pods before it.
    stuck = (answer.get("gang") or {}).get("outcome", "fits") != "fits"
    if stuck:
        out(f"\nAll or nothing: {answer['gang']['text']}\nOne by one, the reasons are:")
    # Replicas mostly have the same reasons: consecutive equal reports are shown once.
    for _, group in groupby(listed, key=_report_key):
        first, *more = group
        others = f" and {counted(len(more), 'more Pod')}" if more else ""
        verb = "are" if more else "is"
        placed = f" goes to {first['node']}" if first["node"] is not None else f" {verb} not placed"
        out("")
        out(pod_report(first, f"{others}{'' if stuck else placed}", most))


def _with_reasons(pods: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """The Pods, with reasons in the groups that refer to those of an earlier Pod, which may not be shown."""
    groups = [group for pod in pods for group in pod.get("groups") or ()]
    known = {(group["verdict"], group["headline"]): group["reasons"] for group in groups if group["reasons"]}
    return [
        pod
        | {
            "groups": [
                group | {"reasons": known.get((group["verdict"], group["headline"]), ())}
                for group in pod.get("groups") or ()
            ]
        }
        for pod in pods
    ]


def _report_key(pod: JsonObject) -> tuple[Any, ...]:
    """Equal for Pods with equal reports."""
    groups = [(group["verdict"], group["headline"], group["count"]) for group in pod.get("groups") or ()]
    return pod["node"], pod.get("summary"), pod.get("nodes"), pod.get("nodesOmitted") and groups


def capacity_table(answer: JsonObject) -> None:
    """The number of Pods that fit on each node, and the reasons against the next one."""
    rows = [[item["name"], str(item["count"])] for item in answer["nodes"]]
    out(table(("NODE", "FITS"), rows))
    if answer["summary"]:
        out("")
        out("\n".join([f"The next Pod: {answer['summary']}", *_near(answer)]))


def sizing_table(answer: JsonObject, *, wide: bool) -> None:
    """How many nodes of each shape to add; ``wide``: and where each Pod goes then."""
    rows = [[item["like"], f"{item['price']:g}", str(item["count"])] for item in answer["shapes"]]
    out(table(("LIKE", "PRICE", "NODES NEEDED"), rows))
    if wide:
        pods = [[pod["namespace"], pod["name"], pod["node"] or "-"] for pod in answer["pods"]]
        out("")
        out(table(("NAMESPACE", "NAME", "NODE"), pods))


def repack_table(answer: JsonObject, *, wide: bool) -> None:
    """The moves in order; ``wide``: with all devices, and where the waiting Pods go then."""
    rows = [
        [
            str(number),
            move["namespace"],
            move["name"],
            move["from"],
            move["to"],
            _moved_devices(move, "before", wide=wide),
            _moved_devices(move, "after", wide=wide),
        ]
        for number, move in enumerate(answer["moves"], 1)
    ]
    if rows:
        out(table(("STEP", "NAMESPACE", "NAME", "FROM", "TO", "DEVICES", "THEN"), rows))
    if answer["pods"] and (wide or not rows):
        pods = [[pod["namespace"], pod["name"], pod["node"] or "-"] for pod in answer["pods"]]
        if rows:
            out("")
        out(table(("NAMESPACE", "NAME", "NODE"), pods))


def _moved_devices(move: JsonObject, when: str, *, wide: bool) -> str:
    devices = [device for claim in move["claims"] for device in claim[when]]
    if wide or len(devices) <= 2:
        return ",".join(devices) or "-"
    return f"{devices[0]} and {len(devices) - 1} more"


def _near(item: JsonObject) -> list[str]:
    found = item.get("nearMisses") or ()
    return ["It would fit", *(f"  {miss['text']}" for miss in found)] if found else []


def _evicting(pod: JsonObject) -> list[str]:
    plan = pod.get("preemption")
    if not plan:
        return []
    if not plan["victims"]:
        return [f"Preemption: {plan['text']}"]
    victims = (
        f"{item['namespace']}/{item['name']} (priority {item['priority']})" for item in plan["victims"]
    )
    return [f"Preemption would evict on {plan['node']}:", *(f"  {victim}" for victim in victims)]


def pod_report(pod: JsonObject, title: str, most: int | None = None) -> str:
    """The reasons of nodes (all, or at most ``most``) for one Pod, below a summary."""
    head = f"{_name(pod)}{title}: {pod.get('summary') or 'no node was evaluated'}"
    head = "\n".join([head, *_near(pod), *_evicting(pod)])
    grouped = most is not None and bool(pod.get("nodesOmitted")) and "groups" in pod
    rows = _rows_by_group(pod) if grouped else _rows_by_node(pod, together=most is not None)
    if not rows or (len(rows) == 1 and f"nodes fit: {rows[0].text}" in head):
        return head  # the reason is the Pod's, and no node's
    shown = rows[:most]
    cells = [[row.nodes, row.verdict, row.text] for row in shown]
    colors = [_COLORS.get(row.verdict, "") for row in shown]
    lines = [f"  {line}" for line in table(("NODE", "VERDICT", "REASON"), cells, colors).splitlines()]
    rest = sum(row.count for row in rows[len(shown) :])
    if rest:
        lines.append(f"  and {counted(rest, 'more node')}: use -o wide to show them")
    if pod.get("nodesOmitted") and not grouped:
        lines.append(f"  and {counted(pod['nodesOmitted'], 'more node')}: select some with --node")
    return "\n".join([head, *lines])


@dataclass(frozen=True, slots=True)
class _Row:
    """One or several nodes of a report. ``nodes``: some of their names."""

    nodes: str
    verdict: str
    text: str
    count: int


def _rows_by_node(pod: JsonObject, *, together: bool) -> list[_Row]:
    """From the verdict of each node; ``together``: a row for nodes with equal reasons."""
    nodes = pod.get("nodes") or ()
    groups = _alike(nodes) if together else [[node] for node in sorted(nodes, key=_order)]
    return [
        _Row(
            named((node["name"] for node in group), MAX_NAMES),
            group[0]["verdict"],
            message_of(group[0]),
            len(group),
        )
        for group in groups
    ]


def _rows_by_group(pod: JsonObject) -> list[_Row]:
    """From the summary of many nodes."""
    rows = []
    if pod["fitting"]:
        rows.append(_Row(_some(pod["fittingNodes"], pod["fitting"]), "fits", "", pod["fitting"]))
    for group in pod["groups"]:
        text = "; ".join(str(reason["message"]) for reason in group["reasons"]) or group["headline"]
        rows.append(_Row(_some(group["nodes"], group["count"]), group["verdict"], text, group["count"]))
    return rows


def _some(names: Sequence[str], count: int) -> str:
    """Some names of all: ``a, b, c and 4 more``."""
    shown, rest = names[:MAX_NAMES], count - len(names[:MAX_NAMES])
    if not shown:
        return counted(count, "node")
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _order(node: JsonObject) -> tuple[bool, int]:
    """Nodes that fit first, then those that are nearest to it; the rest stays as it is."""
    return node["verdict"] != "fits", node.get("distance", 0)


def _alike(nodes: Iterable[JsonObject]) -> list[list[JsonObject]]:
    """Nodes with the same verdict for the same reasons, in the order of summaries: the largest group first
    among those that are equally near to fitting."""
    groups: dict[tuple[str, str], list[JsonObject]] = {}
    for node in nodes:
        groups.setdefault((node["verdict"], message_of(node)), []).append(node)
    return sorted(groups.values(), key=lambda group: (*_order(group[0]), -len(group)))


def message_of(node: JsonObject) -> str:
    """The reasons of a node, or its score."""
    reasons = "; ".join(str(reason["message"]) for reason in node.get("reasons") or ())
    if node["verdict"] == "fits":
        return reasons or f"score {node.get('score')}"
    return reasons or "its devices cannot meet all claims together"


def _pools_of_several_drivers(answer: JsonObject) -> bool:
    """Whether a pool's name is not enough to distinguish devices, of the inventory or (from an older service)
    of the result.
    """
    if answer.get("poolNamesShared"):
        return True
    found = {
        (result["pool"], result["driver"])
        for pod in answer["pods"]
        for claim in pod["claims"]
        for result in results_of(claim["allocation"])
    }
    return len({pool for pool, _ in found}) < len(found)


def _name(pod: JsonObject) -> str:
    return f"{pod['namespace']}/{pod['name']}"


def _node(pod: JsonObject) -> str:
    return str(pod["node"]) if pod["node"] is not None else "-"


def _score(pod: JsonObject) -> str:
    return str(pod["score"]) if pod.get("score") is not None else "-"


def _parts(pod: JsonObject) -> str:
    """The parts of the score of the selected node."""
    parts = next(
        (node.get("scoreParts") for node in pod.get("nodes") or () if node["name"] == pod["node"]), None
    )
    texts = [
        f"{item['policy']} x {item['weight']:g}: {item['score']:.2f} ({item['why']})" for item in parts or ()
    ]
    return f"Score {pod.get('score')} on {pod['node']}: {'; '.join(texts)}" if texts else ""


def _devices(pod: JsonObject, *, full: bool) -> str:
    if pod["node"] is None:
        return "-"
    return "; ".join(
        f"{claim['podClaim']}: {devices_of(claim['allocation'], full=full)}" for claim in pod["claims"]
    )


def _claims(pod: JsonObject) -> str:
    if pod["node"] is None:
        return "-"
    return "; ".join(
        f"{claim['podClaim']} = {claim['claim']}: {devices_of(claim['allocation'], full=True)}"
        for claim in pod["claims"]
    )
