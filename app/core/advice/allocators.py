"""Which schedulers allocate the devices of which driver: a device has one allocator only if its driver has.

Two schedulers do not know what the other one is about to allocate. So Pods move from one to the other by
driver, with all that share a claim.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from app.core.model.device import DeviceShape
from app.core.model.pod import Pod
from app.core.model.resource_claim import ClaimSpec, RequestSpec
from app.core.pauses import paced
from app.core.placement.pod_claims import HeldClaim, UnschedulableError, claims_of
from app.core.placement.rules import Rules
from app.core.selectors import CelError, cel_features
from app.core.state.device_views import DeviceViews
from app.core.state.state import Key, State

DEFAULT_SCHEDULER = "default-scheduler"


@dataclass(frozen=True, slots=True)
class DriverUse:
    """Pods of one scheduler and one driver. ``holding`` have devices, ``waiting`` may get some."""

    driver: str
    scheduler: str
    holding: tuple[Key, ...]
    waiting: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class SharedClaim:
    """A claim of Pods with different schedulers."""

    claim: Key
    schedulers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Allocators:
    """``unknown``: Pods whose drivers are unknown, and why."""

    uses: tuple[DriverUse, ...]
    shared: tuple[SharedClaim, ...]
    unknown: tuple[tuple[Key, str], ...]

    def contested(self) -> dict[str, tuple[str, ...]]:
        """The schedulers of each driver that has several."""
        by_driver: dict[str, list[str]] = {}
        for use in self.uses:
            by_driver.setdefault(use.driver, []).append(use.scheduler)
        return {driver: tuple(names) for driver, names in by_driver.items() if len(names) > 1}


def allocators(state: State, rules: Rules) -> Allocators:
    """Of all Pods with claims, or with extended resources of a DeviceClass, that have not completed.

    Cost: O(devices), and an evaluation for each request and each different set of attributes of devices.
    """
    known = _Drivers(state, replace(rules, generate_claims=True))
    holding: defaultdict[tuple[str, str], list[Key]] = defaultdict(list)
    waiting: defaultdict[tuple[str, str], list[Key]] = defaultdict(list)
    users: defaultdict[Key, set[str]] = defaultdict(set)
    unknown: list[tuple[Key, str]] = []
    for key, pod in paced(sorted(state.pods.items()), 16):
        if pod.finished or not (pod.claims or pod.extended):
            continue
        scheduler = pod.scheduler_name or DEFAULT_SCHEDULER
        try:
            held = claims_of(state, pod, known.rules)
        except UnschedulableError as error:
            unknown.append((key, error.reason.message))
            continue
        for item in held:
            if not item.generated:
                users[item.key].add(scheduler)
        has, may_get = known.of_pod(pod, held)
        for driver in has:
            holding[driver, scheduler].append(key)
        for driver in may_get - has:
            waiting[driver, scheduler].append(key)
    uses = (
        DriverUse(driver, scheduler, tuple(holding[driver, scheduler]), tuple(waiting[driver, scheduler]))
        for driver, scheduler in sorted(holding.keys() | waiting.keys())
    )
    shared = (SharedClaim(key, tuple(sorted(names))) for key, names in users.items() if len(names) > 1)
    return Allocators(tuple(uses), tuple(sorted(shared, key=lambda item: item.claim)), tuple(unknown))


class _Drivers:
    """The drivers whose devices a request can get."""

    def __init__(self, state: State, rules: Rules) -> None:
        self.rules = rules
        self._state = state
        self._features = cel_features(rules.features)
        self._shapes: defaultdict[DeviceShape, set[str]] = defaultdict(set)
        self._known: dict[tuple[str, ...], frozenset[str]] = {}
        for view in paced(DeviceViews(state).devices(), 64):
            self._shapes[view.shape].add(view.id.driver)

    def of_pod(self, pod: Pod, held: Iterable[HeldClaim]) -> tuple[set[str], set[str]]:
        """Drivers of devices that the Pod's claims hold, and of those that it may get."""
        has, may_get = set[str](), set[str]()
        for item in held:
            allocation = item.claim.allocation
            if allocation is not None:
                has.update(item.device.driver for item in allocation.devices)
            else:
                may_get.update(*map(self._of_request, _requests(item.claim.spec)))
        extended = self._state.extended_claim(pod)
        if extended is not None and extended.allocation is not None:
            has.update(item.device.driver for item in extended.allocation.devices)
        else:
            for request in pod.extended:
                found = self._state.resource_classes.get(request.resource)
                if found is not None:
                    may_get |= self._of_request(RequestSpec("", found.meta.name))
        return has, may_get

    def _of_request(self, request: RequestSpec) -> frozenset[str]:
        device_class = self._state.classes.get(request.device_class)
        if device_class is None:
            return frozenset()
        texts = (*device_class.selectors, *request.selectors)
        selectors = tuple(text for text in texts if text is not None)
        if len(selectors) < len(texts):
            return frozenset()  # a selector of an unknown type matches nothing
        if selectors not in self._known:
            self._known[selectors] = frozenset(self._matching(selectors))
        return self._known[selectors]

    def _matching(self, texts: Iterable[str]) -> Iterator[str]:
        selectors = [self.rules.selectors.get(text, self._features) for text in texts]
        if any(selector.error is not None for selector in selectors):
            return
        for shape, drivers in paced(self._shapes.items(), 8):
            try:
                if all(selector.matches(shape) for selector in selectors):
                    yield from drivers
            except CelError:
                continue  # the allocator reports it to the Pod


def _requests(spec: ClaimSpec) -> Iterator[RequestSpec]:
    for request in spec.requests:
        if request.exactly is not None:
            yield request.exactly
        yield from request.first_available
