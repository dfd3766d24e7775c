"""Metrics that are computed at each scrape: the inventory, and the counters of the components."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from app.api.decider import Decider
from app.api.service import Service
from app.cluster.controllers.preemptor import Preemptor
from app.cluster.informers.group import InformerGroup
from app.cluster.leadership.election import Election
from app.core.pauses import paced
from app.observability.metrics import Sample
from app.wiring.overview_metrics import certificates, overview

Labelled = dict[tuple[str, ...], float]


def of_cluster(service: Service, group: InformerGroup) -> Iterator[Callable[[], Iterable[Sample]]]:
    """All of a service that has a cluster."""
    yield from of_service(service)
    yield informers(group)
    decider = service.decides_with
    if decider is not None and decider.preemptor is not None:
        yield preemption(decider.preemptor)
    if decider is not None and decider.election is not None:
        yield election(decider.election)


def of_service(service: Service) -> Iterator[Callable[[], Iterable[Sample]]]:
    """What there is without a cluster too."""
    yield overview(service)
    yield certificates(service)
    yield inventory(service)
    yield evaluations(service)
    yield kubernetes(service)
    if service.decides_with is not None:
        yield decisions(service.decides_with)


def inventory(service: Service) -> Callable[[], Iterable[Sample]]:
    """Nodes and claims. O(claims)."""
    state = service.state

    def samples() -> Iterable[Sample]:
        yield Sample("nodes", "Known nodes.", {(): len(state.nodes)})
        claims: Counter[tuple[str, ...]] = Counter({("allocated",): 0, ("pending",): 0})
        for key in paced(state.keys("ResourceClaim")):
            claim = state.claim(key)
            if claim is not None:
                claims[("allocated" if claim.allocation is not None else "pending",)] += 1
        yield Sample("claims", "ResourceClaims by state: allocated or pending.", claims, ("state",))
        yield Sample(
            "assumed_claims",
            "Claims with devices that the API server has not confirmed yet.",
            {(): len(state.assumed)},
        )
        yield Sample("state_revision", "Increases with every change of the state.", {(): state.revision})

    return samples


def evaluations(service: Service) -> Callable[[], Iterable[Sample]]:
    """Work done and saved."""

    def samples() -> Iterable[Sample]:
        verdict_cache, selectors = service.verdict_cache, service.rules.selectors
        answers: Labelled = {
            ("searched",): verdict_cache.searches,
            ("shared",): verdict_cache.shared,
            ("reused",): verdict_cache.reused,
        }
        yield Sample(
            "answers", "Verdicts on nodes, by source: searched or reused.", answers, ("source",), counter=True
        )
        text = "Equivalence classes of nodes with a cached verdict, over all kinds of claims."
        yield Sample("node_classes", text, {(): verdict_cache.kept})
        lookups: Labelled = {("hit",): selectors.hits, ("miss",): selectors.misses}
        yield Sample(
            "cel_cache", "Lookups of compiled selectors, by result.", lookups, ("result",), counter=True
        )
        yield Sample("cel_cache_entries", "Compiled selectors in the cache.", {(): len(selectors)})
        outcomes: Labelled = {(outcome,): number for outcome, number in selectors.outcomes.items()}
        text = "Compilations of selectors, by outcome: compiled, interpreted, reference or invalid."
        yield Sample("cel_compilations", text, outcomes, ("outcome",), counter=True)
        evaluations: Labelled = {(path,): number for path, number in selectors.evaluations().items()}
        text = "Evaluations of selectors, by what ran: compiled, interpreted or reference."
        yield Sample("cel_evaluations", text, evaluations, ("path",), counter=True)

    return samples


def decisions(decider: Decider) -> Callable[[], Iterable[Sample]]:
    """The results of binds, and the reservations before them."""

    def samples() -> Iterable[Sample]:
        binds: Labelled = {(result,): number for result, number in decider.binder.results.items()}
        yield Sample("binds", "Binds, by result.", binds, ("result",), counter=True)
        kept = decider.reservations
        yield Sample("reservations", "Pods with reserved devices.", {(): len(kept)})
        ends: Labelled = {(end,): number for end, number in kept.ended.items()}
        text = (
            "Ended reservations, by cause: bound, filtered (again), given_up by kube-scheduler, expired, "
            "overtaken (by a change, another node or another term)."
        )
        yield Sample("reservations_ended", text, ends, ("end",), counter=True)
        if decider.requeuer is not None:
            text = "Refused Pods requeued because devices appeared that they could use."
            yield Sample("pods_woken", text, {(): decider.requeuer.requeued}, counter=True)

    return samples


def kubernetes(service: Service) -> Callable[[], Iterable[Sample]]:
    """The version whose rules hold, and what is on."""

    def samples() -> Iterable[Sample]:
        cluster = service.kubernetes
        gates = "defaults" if cluster.gates is None else "reported"
        text = "Always 1; labels: the API server, the version whose rules hold, the source of gates."
        labels = ("server", "version", "gates")
        yield Sample("kubernetes_info", text, {(cluster.server, str(cluster.version), gates): 1.0}, labels)
        on: Labelled = {(name,): float(is_on) for name, is_on in service.rules.features.switches.items()}
        yield Sample("feature_enabled", "1 if a feature of the allocator is on.", on, ("name",))

    return samples


def informers(group: InformerGroup) -> Callable[[], Iterable[Sample]]:
    """The state of the watches."""

    def samples() -> Iterable[Sample]:
        synced: Labelled = {}
        ages: Labelled = {}
        events: Counter[tuple[str, ...]] = Counter()
        relists: Counter[tuple[str, ...]] = Counter()
        for kind, informer in group.informers.items():
            synced[(kind,)] = float(informer.synced)
            age = informer.last_event_age_seconds()
            if age is not None:
                ages[(kind,)] = age
            events.update({(kind, str(name)): number for name, number in informer.stats.events.items()})
            relists.update({(kind, str(name)): number for name, number in informer.stats.relists.items()})
        yield Sample("informer_synced", "1 if the initial list of a kind is complete.", synced, ("kind",))
        yield Sample(
            "informer_last_event_age_seconds", "Time since the last watch event of a kind.", ages, ("kind",)
        )
        yield Sample(
            "informer_events", "Watch events, by kind and type.", events, ("kind", "type"), counter=True
        )
        text = "Lists after the initial one, by kind and reason."
        yield Sample("informer_relists", text, relists, ("kind", "reason"), counter=True)

    return samples


def preemption(preemptor: Preemptor) -> Callable[[], Iterable[Sample]]:
    """Evictions, and the results of attempts."""

    def samples() -> Iterable[Sample]:
        outcomes: Labelled = {(name,): float(number) for name, number in preemptor.outcomes.items()}
        text = (
            "Attempts to evict Pods for a refused one, by outcome: evicted, useless (no eviction helps), "
            "waiting (devices are being freed), budget, overtaken, incomplete (PodGroup), not_leader, "
            "api_error."
        )
        yield Sample("preemption_attempts", text, outcomes, ("outcome",), counter=True)
        text = "Pods evicted for others."
        yield Sample("preemption_victims", text, {(): float(preemptor.victims)}, counter=True)

    return samples


def election(candidate: Election) -> Callable[[], Iterable[Sample]]:
    """Whether this replica leads, and its changes of leadership."""

    def samples() -> Iterable[Sample]:
        yield Sample(
            "leader",
            "1 if this replica is the leader: it answers webhooks and writes.",
            {(): float(candidate.fence.open)},
        )
        text = "Times that this replica acquired the Lease."
        yield Sample("leader_transitions", text, {(): candidate.transitions}, counter=True)
        text = "Failed renewals of the Lease while this replica held it."
        yield Sample("lease_renew_failures", text, {(): candidate.renew_failures}, counter=True)

    return samples
