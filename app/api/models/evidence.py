"""The evidence of a reason. Fields that are empty are left out, and a number that is 0 too."""

from pydantic import Field

from app.api.models.body import Body


class HolderEvidence(Body):
    """A claim that holds matching devices. ``state``: being deleted, or reserved for Pods that are gone."""

    claim: str
    devices: int = 0
    state: str = ""


class TermEvidence(Body):
    """A term of a selector. ``devices`` fail it, and ``alone`` of them fail only it.

    For a comparison, ``best`` is the value nearest to ``bound``; without one, ``seen`` are some values.
    """

    text: str
    devices: int = 0
    alone: int = 0
    bound: str | None = None
    best: str | None = None
    seen: list[str] = Field(default_factory=list)


class SelectorEvidence(Body):
    """A selector, and how many devices it rejects."""

    where: str
    text: str
    devices: int = 0
    terms: list[TermEvidence] = Field(default_factory=list)


class TaintEvidence(Body):
    """A taint that is not tolerated."""

    key: str
    value: str = ""
    effect: str
    devices: int = 0


class CounterEvidence(Body):
    """A counter that is short."""

    pool: str
    counter_set: str
    counter: str
    needed: str
    left: str


class CapacityEvidence(Body):
    """A requested amount. ``best``: the most there is; ``published``: the name that devices use for it."""

    name: str
    wanted: str
    best: str | None = None
    published: str = ""


class ValueEvidence(Body):
    """How many usable devices have a value; null: no value."""

    value: str | None = None
    devices: int = 0


class RequestEvidence(Body):
    """The values that the devices of one request have."""

    request: str
    values: list[ValueEvidence] = Field(default_factory=list)


class ConstraintEvidence(Body):
    """A constraint on ``wanted`` devices, and the values that usable devices have.

    ``requests``: the values by request; ``disjoint``: these have none in common.
    """

    kind: str
    attribute: str
    wanted: int = 0
    values: list[ValueEvidence] = Field(default_factory=list)
    requests: list[RequestEvidence] = Field(default_factory=list)
    disjoint: bool = False


class EvidenceModel(Body):
    """The data behind a reason, without empty lists. Of holders, taints and counters, the first 100."""

    holders: list[HolderEvidence] = Field(default_factory=list)
    selectors: list[SelectorEvidence] = Field(default_factory=list)
    taints: list[TaintEvidence] = Field(default_factory=list)
    counters: list[CounterEvidence] = Field(default_factory=list)
    capacities: list[CapacityEvidence] = Field(default_factory=list)
    constraints: list[ConstraintEvidence] = Field(default_factory=list)
    example: str = Field("", description="driver/pool/device that would do, or would if it were free.")
