"""Explains why a Pod is pending."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.dry_run.detail import Detail, Explain, Explainer
from app.api.dry_run.json_answers import VerdictBudget, encoded_nodes, near_misses_json
from app.api.errors import HttpError
from app.api.expensive import Expensive
from app.api.models.answers import Explanation
from app.api.responses import ListResponse
from app.api.service import ServiceOf
from app.api.visibility import visibility_of
from app.core.advice.hypothesis import Hypothesis
from app.core.advice.near_misses import NearMiss, near_misses
from app.core.advice.redaction import Redaction, redacted
from app.core.allocator.evidence import NO_EVIDENCE
from app.core.diagnosis import summary
from app.core.dry_run.node_groups import NO_GROUPS, NodeGroups, groups_of
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError, emptied
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation

router = APIRouter(prefix="/api/v1", tags=["dry runs"])


@router.get(
    "/pods/{namespace}/{name}/explain",
    operation_id="explainPod",
    response_model=Explanation,
    summary="Why a Pod is pending: each node with its reasons",
)
async def explain(
    request: Request,
    namespace: str,
    name: str,
    service: ServiceOf,
    level: Annotated[
        Explain, Query(alias="explain", description="How nodes are shown, as in a dry run.")
    ] = "full",
) -> Response:
    """Checks devices, and nodeSelector, affinity, taints and requests as kube-scheduler does.

    Names no claims of namespaces whose claims the caller may not get, and no nodes if it may not get nodes.
    """
    service.require_synced()
    pod = service.state.pods.get((namespace, name))
    if pod is None:
        text = f"no Pod {namespace}/{name} is pending or holds claims"
        raise HttpError(404, "NotFound", text)
    visible = await visibility_of(request.scope, (), granted=[namespace])
    # Devices held for it or for Pods of lower priority are free to it, as in filter.
    state = service.state.fork_seen_by(pod)
    evaluation = PodEvaluation(state, pod, replace(service.rules, node_checks=True, other_namespaces=True))
    async with service.expensive(request) as work:
        answers, late = await _answers(evaluation, work)
        near = await _near_misses(evaluation, answers, work)
        redaction = await work.time_slice.run(lambda: visible.redaction(state, nodes=True))
        nodes, explained = await work.time_slice.run(
            lambda: _explained(pod, answers, level, redaction, names_nodes=visible.nodes)
        )
        first_line = await work.time_slice.run(
            lambda: redacted(_first_line(pod, answers, len(state.nodes) if late else 0), redaction)
        )
    head = {
        "revision": str(state.revision),
        "namespace": namespace,
        "name": name,
        "node": pod.node_name or None,
        "summary": first_line,
        **explained,
        "nearMisses": near_misses_json(near, redaction),
    }
    return ListResponse(head, "nodes", nodes, service.time_slice())


async def _answers(evaluation: PodEvaluation, work: Expensive) -> tuple[list[NodeResult], bool]:
    """The result for each node, and whether the time was up before the last; none for a Pod with a node."""
    if evaluation.pod.node_name:
        return [], False
    found = map(evaluation.explained, evaluation.answers(sorted(evaluation.state.nodes)))
    answers, late = await work.time_slice.collect(found, work.stop)
    work.leftovers.append(partial(emptied, answers))
    return answers, late


async def _near_misses(
    evaluation: PodEvaluation, answers: Sequence[NodeResult], work: Expensive
) -> tuple[NearMiss, ...]:
    """Those of a Pod that fits nowhere, if there is time for them."""
    if not answers or any(answer.verdict == "fits" for answer in answers):
        return ()
    with suppress(InterruptedWorkError):
        hypothesis = Hypothesis(evaluation.state, evaluation.pod, evaluation.rules)
        return await work.time_slice.run(lambda: near_misses(hypothesis, answers), work.stop)
    return ()


def _explained(
    pod: Pod,
    answers: Sequence[NodeResult],
    level: Explain,
    redaction: Redaction | None,
    *,
    names_nodes: bool,
) -> tuple[list[bytes], dict[str, Any]]:
    """The nodes, encoded, and their groups. Cost: O(reasons of all nodes), with pauses."""
    detail = Detail.of(level, 1, [answer.node for answer in answers])
    said = VerdictBudget(detail.verdicts).first(answers) if names_nodes else []
    groups = NO_GROUPS if detail.names is None else groups_of(answers, detail.names)
    shown = groups if names_nodes else _unnamed(groups, redaction)
    return encoded_nodes(said, full=level == "full", redaction=redaction), {
        "nodesOmitted": len(answers) - len(said),
        **Explainer(detail).grouped(shown, "/".join(pod.meta.key), redaction),
    }


def _unnamed(groups: NodeGroups, redaction: Redaction | None) -> NodeGroups:
    """The groups for a caller who may not get nodes, whose names are often those of pools in evidence."""
    refused = tuple(
        replace(group, names=(), example=_without_evidence(group.example, redaction))
        for group in groups.refused
    )
    return replace(groups, best=(), refused=refused)


def _without_evidence(answer: NodeResult, redaction: Redaction | None) -> NodeResult:
    # First redacted: that reads the evidence.
    said = answer if redaction is None else redaction.result(answer)
    return replace(said, reasons=tuple(replace(reason, evidence=NO_EVIDENCE) for reason in said.reasons))


def _first_line(pod: Pod, answers: Sequence[NodeResult], stopped_before: int) -> str:
    """Why kube-scheduler does not try the Pod, if it does not, and the reasons of nodes.

    ``stopped_before``: the number of all nodes, if the time was up before all were evaluated.
    """
    if pod.node_name:
        return f"the Pod is on node {pod.node_name}"
    refusals = [answer.reasons for answer in answers if answer.verdict != "fits"]
    parts = [summary(len(answers) - len(refusals), refusals)]
    if stopped_before:
        parts.insert(0, f"time is up: evaluated {len(answers)} of {stopped_before} nodes")
    if pod.scheduling_gates:
        gates = ", ".join(pod.scheduling_gates)
        parts.insert(0, f"kube-scheduler waits until its scheduling gates are removed ({gates})")
    if pod.meta.deleted:
        parts.insert(0, "the Pod is being deleted")
    return "; ".join(parts)
