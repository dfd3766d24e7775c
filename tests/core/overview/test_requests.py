"""What Pods request, as text: however large their claims are, no more is read than is shown."""

from typing import Any

from app.core.model.parse import parse
from app.core.overview.pending import PodReason, group_pending
from app.core.overview.requests import text_of_pod
from app.core.state.state import State
from tests.objects import DRIVER, claim, pod
from tests.pausing import Meter

ENTRIES, REQUESTS, SELECTORS = 16, 8, 17
LONG = " || ".join(["1 < 2"] * 1110)


def request(name: str, *selectors: str) -> dict[str, Any]:
    return {
        "name": name,
        "exactly": {
            "deviceClassName": "gpu",
            "selectors": [{"cel": {"expression": item}} for item in selectors],
        },
    }


def state_of(*requests: dict[str, Any], pods: int = 1) -> State:
    """Pods that each name one claim with these requests in all their entries."""
    large = claim("large")
    large["spec"]["devices"]["requests"] = list(requests)
    state = State()
    state.upsert(parse(large))
    for number in range(pods):
        raw = pod(f"p{number}")
        raw["spec"]["resourceClaims"] = [
            {"name": f"c{at}", "resourceClaimName": "large"} for at in range(ENTRIES)
        ]
        state.upsert(parse(raw))
    return state


def text_with(*selectors: str) -> str:
    state = state_of(request("r", *selectors))
    return text_of_pod(state, state.pods["default", "p0"]).split(" + ")[0]


def test_selectors_are_shown_without_the_domain_of_attributes() -> None:
    first, second = f'device.attributes["{DRIVER}"].model == "a"', f'device.capacity["{DRIVER}"].memory\n > 1'
    assert text_with(first, second) == '1 x gpu where model == "a" and memory > 1'
    assert text_with() == "1 x gpu"


def test_no_more_of_a_selector_is_read_than_is_shown() -> None:
    assert text_with(LONG) == f"{f'1 x gpu where {LONG}'[:119]}…"
    assert text_with(f"{' ' * 5000}true", "false") == "1 x gpu where … and false"


def test_a_text_names_some_requests_and_the_number_of_the_others() -> None:
    state = state_of(*(request(f"r{at}") for at in range(REQUESTS + 3)))
    text = text_of_pod(state, state.pods["default", "p0"])
    assert text.startswith(" + ".join([*["1 x gpu"] * REQUESTS, "3 more", "1 x gpu"]))


def test_a_large_claim_that_many_entries_name_is_read_once_for_each_pod() -> None:
    requests = [request(f"r{at}", *[f"{LONG} && {at} < {n}" for n in range(SELECTORS)]) for at in range(8)]
    state = state_of(*requests, pods=20)
    meter = Meter()
    groups = meter.measure(lambda: group_pending(state, lambda _pod: PodReason("waits")))
    assert isinstance(groups, list)
    assert groups[0].pods == 20
    assert meter.pauses >= 20
    # Each entry by itself, and each selector, are 7,000 calls for a Pod.
    assert meter.most < 500, (meter.most, meter.where)
