"""A dry run of Pods: the request, and its answer Pod by Pod, for a whole answer and for one in lines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fastapi import Request

from app.api.dry_run.detail import Detail, Explainer
from app.api.dry_run.json_answers import pod_answer
from app.api.dry_run.overlay import names_of
from app.api.dry_run.preemption_preview import preemptions
from app.api.dry_run.scenario import PreparedRun, dry_run, pods_in
from app.api.errors import HttpError
from app.api.expensive import Expensive
from app.api.models.questions import PlacementRequest
from app.api.service import Service
from app.api.visibility import visibility_of
from app.core.advice.redaction import Redaction
from app.core.dry_run.gang import MAX_HINTED, GangAnswer, all_together, place_gang
from app.core.dry_run.place import PodPlacement, place, with_near_misses
from app.core.model.pod import Pod
from app.core.pauses import emptied
from app.core.state.shown_gates import unread_devices, unread_selectors
from app.core.state.state import Key, State


@dataclass(slots=True, eq=False)
class Placing:
    """One dry run on its way.

    Attributes:
        before: the state before the first Pod, if the Pods may fit together though not one by one.
        evicted: by Pod, the node that a drain has driven it from.
        placed, unplaced: Pods answered so far.
        late: whether time was up before the last Pod.
        gang: the answer for all together, if that is requested.
        pools: names of the pools that Pods got devices of.
    """

    service: Service
    body: PlacementRequest
    run: PreparedRun
    nodes: Sequence[str]
    pods: Sequence[Pod]
    detail: Detail
    notes: list[str]
    before: State | None
    evicted: Mapping[Key, str]
    redaction: Redaction | None
    placed: int = 0
    unplaced: int = 0
    late: bool = False
    gang: GangAnswer | None = None
    pools: set[str] = field(default_factory=set)

    @classmethod
    async def of(
        cls, request: Request, service: Service, body: PlacementRequest, work: Expensive
    ) -> "Placing":
        """Raises: HttpError, 422, or 503 if time was up."""
        run = await dry_run(service, body, work)
        state, driven_out = run.overlay.state, run.overlay.evicted
        nodes = names_of(state, body.nodes)
        most = service.settings.dry_run_pods - len(driven_out)
        requested, notes = await pods_in(body, nodes, most, run)
        pods = [*(item.pod for item in driven_out), *requested]
        work.leftovers.append(partial(emptied, pods))
        if not pods and body.workloads:
            text = "the workloads create no Pods, their replicas are 0: ask with another number of replicas"
            raise HttpError(422, "InvalidField", text, "workloads")
        if not pods and not body.drain:
            raise HttpError(422, "InvalidField", "pods or workloads must contain at least one Pod", "pods")
        namespaces = {item.meta.namespace for item in pods}
        visible = await visibility_of(request.scope, namespaces)
        return cls(
            service,
            body,
            run,
            nodes,
            pods,
            Detail.of(body.explain, len(pods), nodes),
            notes,
            state.fork() if 1 < len(pods) <= MAX_HINTED and not body.all_or_nothing else None,
            {item.pod.meta.key: item.node for item in driven_out},
            await work.time_slice.run(lambda: visible.redaction(state, nodes=False, added=namespaces)),
        )

    def steps(self) -> Iterator[PodPlacement]:
        """Places the Pods one after another."""
        state, rules, detail = self.run.overlay.state, self.run.rules, self.detail
        steps = place(state, self.pods, self.nodes, rules, shown=detail.verdicts, named=detail.names)
        return with_near_misses(state, rules, steps) if self.body.explain != "none" else steps

    def run_out_of_time(self) -> None:
        """Records that Pods are left out because time was up."""
        self.late = True

    async def together(self) -> Sequence[PodPlacement]:
        """Places all Pods or none."""
        state, rules, detail, work = self.run.overlay.state, self.run.rules, self.detail, self.run.work
        gang = await work.time_slice.run(
            lambda: place_gang(
                state, self.pods, self.nodes, rules, shown=detail.verdicts, named=detail.names
            ),
            work.stop,
        )
        self.gang, self.late = gang, len(gang.placements) < len(self.pods)
        return gang.placements

    async def decided(self) -> Sequence[PodPlacement]:
        """The placements of all Pods, of those placed in time."""
        if self.body.all_or_nothing:
            return await self.together()
        work = self.run.work
        async with self.service.places.watched(self.body.progress, len(self.pods)) as count:
            placed, self.late = await work.time_slice.collect(self.steps(), work.stop, count)
        # Each may be the only owner of the verdicts of all nodes.
        work.leftovers.append(partial(emptied, placed, every=1))
        return placed

    async def preemptions(self, placed: Sequence[PodPlacement]) -> Mapping[Key, Any]:
        """Which Pods preemption would evict, if that is requested."""
        if not self.body.preemption or self.late:
            return {}
        state, rules = self.run.overlay.state, self.run.rules
        return await self.run.work.run(lambda: preemptions(state, placed, self.nodes, rules, self.redaction))

    def answers(
        self, placed: Iterable[PodPlacement], preempted: Mapping[Key, Any]
    ) -> Iterator[dict[str, Any]]:
        """The PodAnswer of each Pod. Counts them."""
        explainer = Explainer(self.detail)
        for item in placed:
            redaction = self.redaction
            shown = redaction.about(held.key for held in item.claims) if redaction is not None else None
            key = item.pod.meta.key
            entry = pod_answer(item, explainer.nodes(item, shown), shown)
            if item.chosen is not None:
                self.placed += 1
                self.pools |= {got.device.pool for made in item.chosen.allocations for got in made.devices}
            else:
                self.unplaced += 1
            yield entry | {"evictedFrom": self.evicted.get(key), "preemption": preempted.get(key)}

    async def summary(self) -> dict[str, Any]:
        """The answer without its Pods, once all are answered. Counts them in the metrics."""
        metrics, work = self.service.metrics, self.run.work
        metrics.dry_run_pods.labels("placed").inc(self.placed)
        metrics.dry_run_pods.labels("unplaced").inc(self.unplaced)
        before, rules = self.before, self.run.rules
        if before is not None and not self.late and self.placed and self.unplaced:
            # There is room for some of the Pods and not for others.
            self.notes += await work.time_slice.run(
                lambda: all_together(before, self.pods, self.nodes, rules), work.stop
            )
        state, version = self.run.overlay.state, rules.features.version
        if state.inventory.rules:
            found = await work.time_slice.run(lambda: unread_selectors(version, state))
            self.notes += [found] if found else []
        if self.unplaced and not self.late:
            # Also after the time limit: it is short, and all Pods are placed.
            found = await work.time_slice.run(lambda: unread_devices(version, state))
            self.notes += [found] if found else []
        gang = self.gang
        shared = await work.time_slice.run(state.inventory.shared_pool_names)
        return {
            "revision": str(self.service.state.revision),
            "placed": self.placed,
            "unplaced": self.unplaced,
            "complete": not self.late,
            **(
                {"gang": {"outcome": gang.outcome, "text": gang.text, "tried": gang.tried}}
                if gang is not None
                else {}
            ),
            "poolNamesShared": bool(self.pools & shared),
            "notes": [*self.run.overlay.notes, *self.notes],
        }
