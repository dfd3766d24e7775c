"""Which group of nodes to grow for Pods with claims, of the options that an autoscaler has found.

Each option is judged by itself: its new nodes, with the devices of a node of the same group, and its Pods
placed on them alone, since they fit on no other node. Best are the options that place the most Pods with
claims, of those the most Pods, then the cheapest, then those that leave the fewest devices free. Equal ones
stay, so that the autoscaler's next expander decides among them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.dry_run.like_node import INSTANCE_TYPE, like_node
from app.core.dry_run.place import place
from app.core.dry_run.what_if import add_nodes
from app.core.model.node import Node
from app.core.model.pod import Pod
from app.core.pauses import pause
from app.core.placement.rules import Rules
from app.core.state.device_views import DeviceViews
from app.core.state.state import State


@dataclass(frozen=True, slots=True)
class Option:
    """Some more nodes of one group. ``template``: what a new node is like, None if that is not known."""

    group: str
    count: int
    pods: tuple[Pod, ...]
    template: Node | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What an option is worth.

    ``like`` is the node whose devices the new ones have; None if there is none, and nothing is known of the
    devices then. ``claimants``: its Pods that need devices. ``placed_claimants`` and ``placed``: how many of
    them, and of all Pods, fit on the new nodes. ``price``: of all new nodes, None if not known. ``left``:
    devices of the new nodes that are free after that, of ``devices``.
    """

    group: str
    claimants: int
    like: str | None = None
    placed_claimants: int = 0
    placed: int = 0
    price: float | None = None
    left: int = 0
    devices: int = 0

    @property
    def text(self) -> str:
        """One line for a log."""
        if self.like is None:
            return f"{self.group}: {self.claimants} Pod(s) with claims, devices not known"
        price = "" if self.price is None else f", price {self.price:g}"
        return (
            f"{self.group}: {self.placed_claimants} of {self.claimants} Pod(s) with claims fit, "
            f"{self.placed} in all, {self.left} of {self.devices} device(s) left{price}"
        )


@dataclass(frozen=True, slots=True)
class Expansion:
    """``best``: positions of the options to choose from, in their order; never none of some.

    ``judged`` is empty if no Pod needs devices: then all options are as good.
    """

    best: tuple[int, ...]
    judged: tuple[Judged, ...] = ()


def expand(
    state: State, options: Sequence[Option], rules: Rules, prices: Mapping[str, float] | None = None
) -> Expansion:
    """Judges the options. ``state`` stays as it is, and must not change at pauses.

    An option whose devices are not known is among the best only if it could place more Pods with claims than
    every other one. If no option is known to place any, all are returned.

    Args:
        prices: of one node, by name of the group or by instance type. They count only if all of the best
            options have one.

    Cost: for each option a search for each new node and kind of Pod, see ``place``.
    """
    everything = tuple(range(len(options)))
    needy = [[pod for pod in option.pods if needs_devices(state, pod)] for option in options]
    if not any(needy):
        return Expansion(everything)
    judged = tuple(
        _judge(state, option, {pod.meta.key for pod in pods}, rules, prices or {})
        for option, pods in zip(options, needy, strict=True)
    )
    return Expansion(_best(judged) or everything, judged)


def needs_devices(state: State, pod: Pod) -> bool:
    """Whether the Pod has claims, or requests an extended resource of a DeviceClass."""
    return bool(pod.claims) or any(item.resource in state.resource_classes for item in pod.extended)


def _judge(
    state: State,
    option: Option,
    needy: set[tuple[str, str]],
    rules: Rules,
    prices: Mapping[str, float],
) -> Judged:
    pause()
    like = like_node(state, option.template) if option.template is not None else None
    if like is None:
        return Judged(option.group, len(needy))
    fork = state.fork()
    names = add_nodes(fork, like, option.count, option.template)
    placed = [item.pod.meta.key for item in place(fork, option.pods, names, rules, shown=0) if item.chosen]
    free, devices = _devices(fork, names)
    return Judged(
        option.group,
        len(needy),
        like,
        placed_claimants=sum(key in needy for key in placed),
        placed=len(placed),
        price=_price(option, prices),
        left=free,
        devices=devices,
    )


def _devices(state: State, names: Sequence[str]) -> tuple[int, int]:
    """The free devices of these nodes, and all."""
    views = DeviceViews(state)
    free = devices = 0
    for name in names:
        pause()
        for by_state in views.counts_of(name).values():
            free += by_state["free"]
            devices += sum(by_state.values())
    return free, devices


def _price(option: Option, prices: Mapping[str, float]) -> float | None:
    labels = option.template.meta.labels if option.template is not None else {}
    price = prices.get(option.group, prices.get(labels.get(INSTANCE_TYPE, "")))
    return None if price is None else price * option.count


def _best(judged: Sequence[Judged]) -> tuple[int, ...]:
    """Positions of the best options; none if no known one places a Pod with claims."""
    most = max((item.placed_claimants for item in judged), default=0)
    if not most:
        return ()
    known = [number for number, item in enumerate(judged) if item.placed_claimants == most]
    known = _least(known, [-judged[number].placed for number in known])
    prices = [judged[number].price for number in known]
    if all(price is not None for price in prices):
        known = _least(known, [price or 0.0 for price in prices])
    known = _least(known, [judged[number].left for number in known])
    hopeful = (n for n, item in enumerate(judged) if item.like is None and item.claimants > most)
    return tuple(sorted([*known, *hopeful]))


def _least(numbers: Sequence[int], values: Sequence[float]) -> list[int]:
    least = min(values)
    return [number for number, value in zip(numbers, values, strict=True) if value == least]
