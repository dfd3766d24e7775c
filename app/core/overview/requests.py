"""What claims request, as short texts and as demands that free devices can be counted for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from app.core.allocator import Invalid, plan_claims
from app.core.allocator.matching import Matcher
from app.core.model.meta import Meta
from app.core.model.pod import Pod
from app.core.model.resource_claim import ClaimSpec, DeviceRequest, RequestSpec, ResourceClaim
from app.core.pauses import paced_if_many, pause
from app.core.placement.rules import Rules
from app.core.state.request_mix import RequestMix
from app.core.state.state import State

_MAX_TEXT = 120
_MAX_READ = 1024
"""Characters of a selector that its text is made from: it may have 10,240, and the names before the first
``_MAX_TEXT`` of what is shown some hundreds."""
_MAX_PARTS = 16
"""Claims and extended resources of a Pod that its text contains: a Pod may have thousands."""
_MAX_REQUESTS = 8
_MAX_OPTIONS = 4
"""Requests of a claim, and alternatives of a request, that a text contains: from files they are many."""
_LONG = re.compile(r"""device\.(?:attributes|capacity)\[(?:"[^"]*"|'[^']*')\]\.""")
"""The part of a selector before the name of an attribute."""
_MAX_VERDICTS = 500_000


@dataclass(frozen=True, slots=True, eq=False)
class MixRequest:
    """One request of the mix: ``count`` devices on one node, ``share`` of all its requests (0 to 1).

    ``takes_all``: all matching devices of a node, of which none may be in use; then ``count`` is 1.
    """

    text: str
    count: int
    takes_all: bool
    share: float
    matcher: Matcher


class Demands:
    """The requests of a mix, for one set of classes and features.

    A request with alternatives counts as its first one. Constraints between devices are left out, and so are
    requests with selectors that have no simple bound of their cost: these are evaluated on every free device.
    """

    def __init__(self, mix: RequestMix, state: State, rules: Rules) -> None:
        # Kept, so that a comparison by identity shows what they were made from.
        self.mix = mix
        self.classes = [state.classes.get(name) for name in mix.class_names]
        found: dict[tuple[object, ...], MixRequest] = {}
        for spec, weight in mix.kinds:
            plan = plan_claims(
                [ResourceClaim(Meta("mix", ""), spec)], state.classes, rules.features, rules.selectors
            )
            if isinstance(plan, Invalid):
                continue  # such a claim never gets devices: nothing is kept free for it
            for request in plan.claims[0].requests:
                first = request.alternatives[0]
                if first.admin or not _is_cheap(first.matcher):
                    continue  # one with admin access takes nothing
                count = 1 if first.takes_all else max(1, first.spec.count)
                key = (first.spec.device_class, first.spec.selectors, first.spec.allocation_mode, count)
                known = found.get(key)
                share = weight + (known.share if known is not None else 0.0)
                found[key] = MixRequest(
                    text_of_spec(first.spec), count, first.takes_all, share, first.matcher
                )
        total = sum(item.share for item in found.values())
        self.items = tuple(
            MixRequest(item.text, item.count, item.takes_all, item.share / total, item.matcher)
            for item in sorted(found.values(), key=lambda item: (-item.share, item.text))
        )

    def trim(self) -> None:
        """Forgets verdicts on devices that may be gone, once they are many."""
        for item in self.items:
            if len(item.matcher.verdicts) > _MAX_VERDICTS:
                item.matcher.verdicts.clear()

    def are_of(self, state: State) -> bool:
        """Whether they are still those of the state."""
        mix = state.request_mix
        return mix is self.mix and self.classes == [state.classes.get(name) for name in mix.class_names]


def _is_cheap(matcher: Matcher) -> bool:
    return all(item.selector.outcome == "compiled" for item in matcher.selectors)


def text_of_spec(spec: RequestSpec) -> str:
    """Like ``2 x gpu.example.com where model == "a"``, cut at ``_MAX_TEXT`` characters.

    Cost: O(``_MAX_TEXT``), however long the selectors are: no more of them is read than is shown.
    """
    number = "all" if spec.allocation_mode == "All" else str(spec.count)
    text = f"{number} x {spec.device_class}"
    word = "where"
    for item in paced_if_many(spec.selectors):
        if len(text) > _MAX_TEXT:
            break
        if item:
            text += f" {word} {_text_of_selector(item)}"
            word = "and"
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"


def _text_of_selector(selector: str) -> str:
    text = _LONG.sub("", " ".join(selector[:_MAX_READ].split()))
    return text if len(selector) <= _MAX_READ else f"{text}…"


def text_of_pod(state: State, pod: Pod) -> str:
    """What a Pod requests of devices, all its claims together; empty for none.

    The first ``_MAX_PARTS`` claims and extended resources, and the number of the others. Cost: O(different
    claims), with a pause at each.
    """
    parts: list[str] = []
    texts: dict[int, str] = {}
    specs: list[ClaimSpec] = []  # kept alive: the state may change at a pause, and so the owner of an id
    for names in islice(_entries(pod), _MAX_PARTS):
        spec = _spec(state, pod, names)
        if spec is None:
            parts.append("a claim that does not exist")
            continue
        text = texts.get(id(spec))
        if text is None:
            pause()
            specs.append(spec)
            text = texts[id(spec)] = _text_of_claim(spec)
        parts.append(text)
    parts += [f"{item.count} x {item.resource}" for item in pod.extended[: _MAX_PARTS - len(parts)]]
    more = len(pod.claims) + len(pod.extended) - len(parts)
    return " + ".join(part for part in (*parts, f"{more} more" if more else "") if part)


def _entries(pod: Pod) -> Iterable[tuple[str | None, str | None]]:
    for entry in pod.claims:
        yield pod.claim_name_of(entry), entry.template_name


def _spec(state: State, pod: Pod, names: tuple[str | None, str | None]) -> ClaimSpec | None:
    claim_name, template_name = names
    namespace = pod.meta.namespace
    claim = state.claim((namespace, claim_name)) if claim_name else None
    if claim is not None:
        return claim.spec
    template = state.templates.get((namespace, template_name)) if template_name else None
    return template.spec if template is not None else None


def _text_of_claim(spec: ClaimSpec) -> str:
    more = len(spec.requests) - _MAX_REQUESTS
    parts = [_text_of_request(request) for request in spec.requests[:_MAX_REQUESTS]]
    return " + ".join([*parts, f"{more} more"] if more > 0 else parts)


def _text_of_request(request: DeviceRequest) -> str:
    more = len(request.options) - _MAX_OPTIONS
    parts = [text_of_spec(option) for option in request.options[:_MAX_OPTIONS]]
    return " or ".join([*parts, f"{more} more"] if more > 0 else parts)
