"""Tables of a dry run's answer (POST /api/v1/placements), for people."""

from collections.abc import Callable
from itertools import groupby

from app.cli.talk import out, table
from app.core.json_object import JsonObject

MAX_NODES = 20
"""Nodes in the report of one Pod, unless all are asked for."""
_COLOURS = {"fits": "green", "misfit": "", "invalid": "red"}


def as_table(answer: JsonObject, *, explain: bool = False) -> None:
    """A line a Pod: node and devices; below, what the nodes say of the Pods that are not placed."""
    head = ("POD", "NODE", "DEVICES")
    _print(answer, head, lambda pod: [_name(pod), _node(pod), _devices(pod)], MAX_NODES, explain=explain)


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
    pods = answer["pods"]
    colours = ["green" if pod["node"] is not None else "red" for pod in pods]
    out(table(head, [row(pod) for pod in pods], colours))
    told = [pod for pod in pods if pod["node"] is None or explain]
    # Of a gang that is not placed, each Pod has heard what there is after those before it.
    stuck = (answer.get("gang") or {}).get("outcome", "fits") != "fits"
    if stuck:
        out(f"\nAll or nothing: {answer['gang']['text']}\nOne after the other, nodes say:")
    # Replicas mostly hear the same; one report for all that follow each other and do.
    for _, group in groupby(told, key=lambda pod: (pod["node"], pod.get("summary"), pod.get("nodes"))):
        first, *more = group
        others = f" and {len(more)} more Pod{'s' if len(more) > 1 else ''}" if more else ""
        verb = "are" if more else "is"
        placed = f" goes to {first['node']}" if first["node"] is not None else f" {verb} not placed"
        out("")
        out(pod_report(first, f"{others}{'' if stuck else placed}", most))


def capacity_table(answer: JsonObject) -> None:
    """How many more fit on which node, and what keeps the next one out."""
    rows = [[item["name"], str(item["count"])] for item in answer["nodes"]]
    out(table(("NODE", "MORE"), rows))
    if answer["summary"]:
        out("")
        out("\n".join([f"The next one: {answer['summary']}", *_near(answer)]))


def sizing_table(answer: JsonObject, *, wide: bool) -> None:
    """How many nodes of each shape to add; ``wide``: and where each Pod goes then."""
    rows = [[item["like"], f"{item['price']:g}", str(item["count"])] for item in answer["shapes"]]
    out(table(("LIKE", "PRICE", "NODES NEEDED"), rows))
    if wide:
        pods = [[pod["namespace"], pod["name"], pod["node"] or "-"] for pod in answer["pods"]]
        out("")
        out(table(("NAMESPACE", "NAME", "NODE"), pods))


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
    """What nodes (all, or at most so many) say of one Pod, under a line that sums it up."""
    head = f"{_name(pod)}{title}: {pod.get('summary') or 'no node was asked'}"
    head = "\n".join([head, *_near(pod), *_evicting(pod)])
    nodes = pod.get("nodes") or ()
    if not nodes:
        return head
    shown = nodes[:most]
    rows = [[node["name"], node["verdict"], says(node)] for node in shown]
    colours = [_COLOURS.get(node["verdict"], "") for node in shown]
    lines = [f"  {line}" for line in table(("NODE", "VERDICT", "REASON"), rows, colours).splitlines()]
    rest = len(nodes) - len(shown)
    if rest:
        lines.append(f"  and {rest} more nodes: -o wide shows them")
    if pod.get("nodesOmitted"):
        lines.append(f"  and {pod['nodesOmitted']} more nodes: ask about some with --node")
    return "\n".join([head, *lines])


def says(node: JsonObject) -> str:
    """What a node says: its reasons, or the score it would have."""
    reasons = "; ".join(str(reason["message"]) for reason in node.get("reasons") or ())
    if node["verdict"] == "fits":
        return reasons or f"score {node.get('score')}"
    return reasons or "its devices cannot meet all claims together"


def devices_of(allocation: JsonObject | None, *, full: bool = False) -> str:
    """The devices of an AllocationResult as pool/device, or driver/pool/device."""
    results = ((allocation or {}).get("devices") or {}).get("results") or ()
    names = [f"{result['pool']}/{result['device']}" for result in results]
    if full:
        names = [f"{result['driver']}/{name}" for result, name in zip(results, names, strict=True)]
    return ", ".join(names) or "no devices"


def _name(pod: JsonObject) -> str:
    return f"{pod['namespace']}/{pod['name']}"


def _node(pod: JsonObject) -> str:
    return str(pod["node"]) if pod["node"] is not None else "-"


def _score(pod: JsonObject) -> str:
    return str(pod["score"]) if pod.get("score") is not None else "-"


def _parts(pod: JsonObject) -> str:
    """What the score of the chosen node is made of."""
    parts = next(
        (node.get("scoreParts") for node in pod.get("nodes") or () if node["name"] == pod["node"]), None
    )
    texts = [
        f"{item['policy']} x {item['weight']:g}: {item['score']:.2f} ({item['why']})" for item in parts or ()
    ]
    return f"Score {pod.get('score')} on {pod['node']}: {'; '.join(texts)}" if texts else ""


def _devices(pod: JsonObject) -> str:
    if pod["node"] is None:
        return "-"
    return "; ".join(
        f"{claim['podClaim']}: {devices_of(claim['allocation'])}{' (shared)' if claim['shared'] else ''}"
        for claim in pod["claims"]
    )


def _claims(pod: JsonObject) -> str:
    if pod["node"] is None:
        return "-"
    return "; ".join(
        f"{claim['podClaim']} = {claim['claim']}{' (shared)' if claim['shared'] else ''}: "
        f"{devices_of(claim['allocation'], full=True)}"
        for claim in pod["claims"]
    )
