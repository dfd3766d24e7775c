"""Carries out a plan of moves: evicts one Pod after the other, and stops at the first surprise.

Before each step the rest of the plan is checked on the inventory as it is then. The Pod is annotated with the
node for its successor, which filter names if it fits there (``PlannedMoves``), and evicted by the Eviction
API, which respects PodDisruptionBudgets. A step ends when the Pod is gone and its successor runs there.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.cli.problems import Exit
from app.cli.talk import counted, say
from app.cluster.binding.planned_moves import ANNOTATION
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import POD
from app.cluster.client.errors import ClusterError, ConflictError, ForbiddenError, NotFoundError
from app.core.json_object import JsonObject


class SurpriseError(Exception):
    """The cluster is not as the plan expects. Nothing else is moved."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast Pods are evicted, how long a successor may take, and how often it is looked for."""

    interval_seconds: float = 10.0
    timeout_seconds: float = 300.0
    poll_seconds: float = 1.0


def carry_out(
    moves: Sequence[JsonObject],
    check: Callable[[Sequence[JsonObject]], None],
    move: Callable[[JsonObject], str],
    pace: Pace,
) -> int:
    """Moves one Pod after the other, and reports each on stderr. Returns the exit code.

    Args:
        moves: of a RepackAnswer.
        check: compares these remaining moves with the inventory as it is now. Raises: SurpriseError.
        move: evicts the Pod and waits for its successor, whose name it returns. Raises: SurpriseError.
    """
    earliest = 0.0
    for number, item in enumerate(moves):
        step = f"step {number + 1} of {len(moves)}"
        name = f"{item['namespace']}/{item['name']}"
        try:
            time.sleep(max(0.0, earliest - time.monotonic()))
            check(moves[number:])
            say(f"{step}: evicting Pod {name} from {item['from']}, for {item['to']}")
            earliest = time.monotonic() + pace.interval_seconds
            successor = move(item)
        except SurpriseError as surprise:
            say(f"{step}: {surprise}")
            say(f"stopped: {counted(number, 'Pod')} of {len(moves)} moved; run repack again for a new plan")
            return Exit.NO
        say(f"{step}: Pod {item['namespace']}/{successor} runs on {item['to']}")
    say(f"{counted(len(moves), 'Pod')} moved")
    return Exit.OK


async def evict(client: ApiClient, move: JsonObject, pace: Pace) -> str:
    """Evicts the Pod of a move, and returns the name of its successor, which runs on the planned node.

    Needs the permissions ``patch`` and ``list`` on pods, and ``create`` on pods/eviction.

    Raises: SurpriseError; ClusterError: no answer, or not permitted.
    """
    namespace, name, uid = move["namespace"], move["name"], move["uid"]
    before = await _pods(client, namespace)
    old = before.get(uid)
    owner = None if old is None else _owner(old)
    if old is None or owner is None or "deletionTimestamp" in old["metadata"]:
        raise SurpriseError(f"Pod {namespace}/{name} is gone, or leaves already")
    path = POD.path(namespace, name)
    try:
        await client.patch(path, _annotated(uid, move["to"]))
        try:
            await client.post(f"{path}/eviction", _eviction(namespace, name, uid))
        except ClusterError:
            await client.patch(path, _annotated(uid, None))
            raise
    except ForbiddenError:
        raise
    except (NotFoundError, ConflictError) as error:
        raise SurpriseError(f"Pod {namespace}/{name} was replaced meanwhile: {error}") from None
    except ClusterError as error:
        raise SurpriseError(f"the eviction was refused: {error}") from None
    return await _successor(client, move, owner, set(before), pace)


async def _successor(client: ApiClient, move: JsonObject, owner: str, before: set[str], pace: Pace) -> str:
    clock = asyncio.get_running_loop().time
    end = clock() + pace.timeout_seconds
    while clock() < end:
        await asyncio.sleep(pace.poll_seconds)
        pods = await _pods(client, move["namespace"])
        new = [pod for uid, pod in pods.items() if uid not in before and _owner(pod) == owner]
        placed = [pod for pod in new if pod["spec"].get("nodeName")]
        right = [pod for pod in placed if pod["spec"]["nodeName"] == move["to"]]
        if placed and not right:
            found = placed[0]["metadata"]["name"], placed[0]["spec"]["nodeName"]
            raise SurpriseError(f"its successor {found[0]} was placed on {found[1]}, not on {move['to']}")
        phases = {pod["metadata"]["name"]: (pod.get("status") or {}).get("phase") for pod in right}
        failed = [name for name, phase in phases.items() if phase == "Failed"]
        if failed:
            raise SurpriseError(f"its successor {failed[0]} failed on {move['to']}")
        running = [name for name, phase in phases.items() if phase in ("Running", "Succeeded")]
        if running and move["uid"] not in pods:
            return str(running[0])
    raise SurpriseError(f"no successor ran on {move['to']} within {pace.timeout_seconds:g} s")


async def _pods(client: ApiClient, namespace: str) -> dict[str, JsonObject]:
    pods, _ = await client.list_all(POD.path(namespace))
    return {pod["metadata"]["uid"]: pod for pod in pods}


def _owner(pod: JsonObject) -> str | None:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((item["uid"] for item in owners if item.get("controller")), None)


def _annotated(uid: str, node: str | None) -> JsonObject:
    """A merge patch for this very Pod: another one of the name refuses it."""
    return {"metadata": {"uid": uid, "annotations": {ANNOTATION: node}}}


def _eviction(namespace: str, name: str, uid: str) -> JsonObject:
    return {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": uid}},
    }
