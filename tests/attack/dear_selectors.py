"""Selectors that take long, and what is measured beside them."""

from tests.api.conftest import Asked
from tests.objects import pod

NODES = [f"n{number:02}" for number in range(20)]


MAX_CALLS = 100_000
"""Calls in one turn of the loop: 20 ms of those that take 0.2 us each."""


def texts(number: int) -> str:
    return "[" + ", ".join(f"'{index % 10}Gi'" for index in range(number)) + "]"


def numbers(number: int) -> str:
    return "[" + ", ".join(map(str, range(number))) + "]"


DEAR = (
    f"{texts(110)}.all(a, {numbers(100)}.all(b, {numbers(10)}.all(c, "
    "quantity(a).isLessThan(quantity('9Gi')) || true)))"
)


SELECTORS = {
    "beyond the limit": f"{numbers(50)}.all(a, {numbers(50)}.all(b, {numbers(50)}.all(c, "
    "quantity('1Gi').isLessThan(quantity(string(a) + 'Gi')) || true)))",
    "reads the device": f"{DEAR} && device.attributes['gpu.example.com'].uuid != 'x'",
    "equal lists of equal lists": "".join(
        f"cel.bind(l{i + 1}, {f'[l{i}, l{i}]' if i else '[1, 2]'}, " for i in range(40)
    )
    + "l40 == l40"
    + ")" * 40,
    "formatted lists of lists": "".join(
        f"cel.bind(l{i + 1}, {f'[l{i}, l{i}]' if i else '[1, 2]'}, " for i in range(40)
    )
    + "'%s'.format([l40]) == ''"
    + ")" * 40,
    "a sum of sums": "".join(
        f"cel.bind(l{i + 1}, {f'l{i} + l{i}' if i else '[1, 2, 3]'}, " for i in range(18)
    )
    + "l18.sum() > 0"
    + ")" * 18,
    "a long text as a quantity": "".join(
        f"cel.bind(t{i + 1}, {f't{i} + t{i}' if i else repr('9' * 5000)}, " for i in range(9)
    )
    + "quantity(t9).isInteger()"
    + ")" * 9,
    "a long text and a pattern": "".join(
        f"cel.bind(t{i + 1}, {f't{i} + t{i}' if i else repr('98' * 2500)}, " for i in range(9)
    )
    + "t9.findAll('(9|8)*7').size() > 0"
    + ")" * 9,
    "many terms": " && ".join(f"{texts(3)}.exists(x, x == '{index}Gi')" for index in range(9)),
}


async def probe(service: Asked, number: int) -> None:
    """Filters another Pod, and asks whether the process lives."""
    body = {"Pod": pod(f"probe-{number}", "cheap"), "NodeNames": NODES}
    answer = await service.post("/scheduler/filter", body)
    assert answer["NodeNames"] == NODES
    assert not answer["Error"]
    assert (await service.client.get("/livez")).status_code == 200
