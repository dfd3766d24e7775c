"""Queries with long or many parameters."""

from urllib.parse import quote

from bench.attacks.inputs.registry import registry
from bench.attacks.inputs.requests import all_asked
from bench.attacks.served import Served

ATTACKS, attack = registry()


@attack("queries with long and with many parameters")
async def _long(service: Served) -> str:
    names = "&".join(f"name=n{index}" for index in range(500))
    return await all_asked(
        service,
        f"/api/v1/decisions?cursor={'A' * 7_000}",
        f"/api/v1/nodes?{names}",
        f"/api/v1/nodes?labelSelector=a+in+({'+' * 7_000}",
        f"/api/v1/nodes?labelSelector={'a.' * 3_500}",
        f"/api/v1/nodes?labelSelector={'a,' * 3_500}a",
        f"/api/v1/devices/{'/' * 7_000}x",
    )


@attack("matches, selectors that nest deeply or backtrack")
async def _nested(service: Served) -> str:
    selectors = (
        "(" * 1_500 + "true" + ")" * 1_500,
        "!" * 7_000 + "true",
        "'a'" + ".b" * 3_000,
        "[[" * 500 + "]]" * 500 + " == 1",
        "device.driver.matches('" + "(a*)*" * 300 + "')",
    )
    return await all_asked(
        service, *(f"/api/v1/matches?selector={quote(text, safe='()[]!.*')}" for text in selectors)
    )
