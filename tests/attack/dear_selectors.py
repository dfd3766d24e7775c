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


def bound(name: str, first: str, again: str, times: int, last: str) -> str:
    """``last`` within as many names, each but the first bound to ``again`` of the name before (``{0}``)."""
    binds = [
        f"cel.bind({name}{at + 1}, {again.format(f'{name}{at}') if at else first}, " for at in range(times)
    ]
    return "".join(binds) + last + ")" * times


SELECTORS = {
    "beyond the limit": f"{numbers(50)}.all(a, {numbers(50)}.all(b, {numbers(50)}.all(c, "
    "quantity('1Gi').isLessThan(quantity(string(a) + 'Gi')) || true)))",
    "reads the device": f"{DEAR} && device.attributes['gpu.example.com'].uuid != 'x'",
    "equal lists of equal lists": bound("l", "[1, 2]", "[{0}, {0}]", 40, "l40 == l40"),
    "formatted lists of lists": bound("l", "[1, 2]", "[{0}, {0}]", 40, "'%s'.format([l40]) == ''"),
    "a sum of sums": bound("l", "[1, 2, 3]", "{0} + {0}", 18, "l18.sum() > 0"),
    "a long text as a quantity": bound("t", repr("9" * 5000), "{0} + {0}", 9, "quantity(t9).isInteger()"),
    "a long text and a pattern": bound(
        "t", repr("98" * 2500), "{0} + {0}", 9, "t9.findAll('(9|8)*7').size() > 0"
    ),
    "large patterns": " || ".join(f"device.driver.matches(r'{number:02}\\pL{{11}}')" for number in range(40)),
    "a large pattern and a long text": bound(
        "t", repr("ab" * 600), "{0} + {0}", 2, r"t2.matches(r'(?:.?a){120}c')"
    ),
    "many terms": " && ".join(f"{texts(3)}.exists(x, x == '{index}Gi')" for index in range(9)),
}


async def probe(service: Asked, number: int) -> None:
    """Filters another Pod, and asks whether the process lives."""
    body = {"Pod": pod(f"probe-{number}", "cheap"), "NodeNames": NODES}
    answer = await service.post("/scheduler/filter", body)
    assert answer["NodeNames"] == NODES
    assert not answer["Error"]
    assert (await service.client.get("/livez")).status_code == 200


def _repeated(part: str, between: str) -> str:
    """As often as a selector of 10 KiB has room for."""
    return between.join([part] * (10_000 // (len(part) + len(between))))


WIDE = {
    "negations": "!" * 9_000 + "true",
    "elements": f"1 in [{_repeated('1', ',')}]",
    "entries": "{" + ",".join(f"{number}: 1" for number in range(1_000)) + "} == {}",
    "constants": _repeated('quantity("1").isLessThan(quantity("2"))', "&&"),
    "attributes": _repeated('device.attributes["a.b"].c == "x"', "||"),
    "comparisons": _repeated("1 < 2", "&&"),
}
"""Selectors with as many parts as there is room for, by what there are many of."""
