"""Claims and Pods that a tenant may create."""

import asyncio
import time
from typing import Any
from urllib.parse import quote

import httpx

from bench.attacks.inputs.objects import TENANT, claim, pod
from bench.attacks.inputs.registry import registry
from bench.attacks.inputs.requests import all_asked, explained, filtered, write
from bench.attacks.served import Served
from tests.attack.dear_selectors import SELECTORS, WIDE

ATTACKS, attack = registry()


def _dear(name: str, blanks: int = 32) -> list[str]:
    # A blank more each time: another text, as dear as the first.
    return [SELECTORS[name] + " " * index for index in range(blanks)]


def _filters_of(label: str, selectors: list[str]) -> None:
    name = "dear-" + label.replace(" ", "-")

    @attack(f"filter, {label}")
    async def _(service: Served) -> str:
        await write(service, claim(name, selectors))
        return await filtered(service, pod(name, name))


_filters_of("32 dear selectors", _dear("reads the device"))
_filters_of("32 dear selectors, the last false", [*_dear("reads the device", 31), "device.driver == 'x'"])
for _name in SELECTORS:
    if _name != "reads the device":
        _filters_of(f"{_name} x 32", _dear(_name))


_filters_of("30 wide selectors", [text + " " * blanks for blanks in range(5) for text in WIDE.values()])


@attack("filters, 40 Pods with 32 dear selectors each")
async def _many_pods(service: Served) -> str:
    names = [f"flood-{index}" for index in range(40)]
    every = [
        claim(name, [text + " " * (32 * index) for text in _dear("reads the device")])
        for index, name in enumerate(names)
    ]
    await write(service, *every)
    found = await asyncio.gather(*(filtered(service, pod(name, name), 20) for name in names))
    return f"{len(found)} Pods; the last {found[-1]}"


@attack("a Pod with 32 claims of 32 dear selectors")
async def _many_claims(service: Served) -> str:
    names = [f"many-{index}" for index in range(32)]
    await write(service, *(claim(name, _dear("many terms")) for name in names))
    return await filtered(service, pod("many", *names))


@attack("filters of 120 kinds of claims with 32 selectors of 10 kB each")
async def _many_kinds(service: Served) -> str:
    names = [f"kind-{index}" for index in range(120)]
    text = " || ".join(["device.driver == 'a.example.com'"] * 270)
    for first in range(0, len(names), 10):
        some = names[first : first + 10]
        every = (claim(name, [f"{text} || '{name}' < '{at}'" for at in range(32)]) for name in some)
        await write(service, *every)
        await asyncio.gather(*(filtered(service, pod(name, name), 20) for name in some))
    return f"{len(names)} Pods"


def _large_pods() -> dict[str, Any]:
    """What makes a Pod large."""
    limits = [{"limits": {"cpu": "1m", f"example.com/r-{index}": "0"}} for index in range(3_000)]
    terms = [
        {
            "weight": 1,
            "preference": {
                "matchExpressions": [{"key": f"k-{index}", "operator": "In", "values": ["x", "y"]}]
            },
        }
        for index in range(3_000)
    ]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}}
    return {
        "containers": {
            "containers": [
                {"name": f"c-{index}", "image": "i", "resources": item} for index, item in enumerate(limits)
            ]
        },
        "init containers": {
            "initContainers": [
                {"name": f"i-{index}", "image": "i", "restartPolicy": "Always", "resources": item}
                for index, item in enumerate(limits)
            ]
        },
        "claims": {
            "resourceClaims": [{"name": f"r-{index}", "resourceClaimName": "large"} for index in range(3_000)]
        },
        "affinity terms": {"affinity": affinity},
    }


def _filters_of_large(what: str, spec: dict[str, Any]) -> None:
    name = "large-" + what.replace(" ", "-")

    @attack(f"filters of a Pod with 3,000 {what}")
    async def _(service: Served) -> str:
        await write(service, claim("large" if what == "claims" else name, ["true"]))
        raw = pod(name, name, **spec)
        return await filtered(service, raw)


for _what, _spec in _large_pods().items():
    _filters_of_large(_what, _spec)


@attack("explanation of a Pod with 32 dear selectors")
async def _explain(service: Served) -> str:
    await write(service, claim("explained", [text + "  " for text in _dear("reads the device")]))
    return await explained(service, pod("explained", "explained"))


@attack("explanation of a Pod with 3,000 claims for devices that do not exist")
async def _explain_large(service: Served) -> str:
    await write(service, claim("none", ["device.driver == 'none'"]))
    entries = [{"name": f"r-{index}", "resourceClaimName": "none"} for index in range(3_000)]
    return await explained(service, pod("hopeless", resourceClaims=entries))


@attack("matches, a selector beyond the cost limit; the client leaves after 5 s")
async def _matches(service: Served) -> str:
    path = f"/api/v1/matches?selector={quote(SELECTORS['beyond the limit'])}"
    began = time.perf_counter()
    try:
        response = await service.api.get(path, timeout=5)
    except httpx.TimeoutException:
        cpu = service.cpu_seconds()
        await asyncio.sleep(2)
        return f"left after 5 s; {service.cpu_seconds() - cpu:.1f} s of CPU time in the 2 s after that"
    return f"{response.status_code}, {time.perf_counter() - began:.1f} s"


@attack("lists beside 20 Pods with 16 claims of 1.3 MB of selectors each")
async def _long_selectors(service: Served) -> str:
    long = " || ".join(["1 < 2"] * 1_110)
    body = claim("long", [long + " " * index for index in range(17)])
    (request,) = body["spec"]["devices"]["requests"]
    body["spec"]["devices"]["requests"] = [request | {"name": f"r{number}"} for number in range(8)]
    await write(service, body)
    for index in range(20):
        raw = pod(f"long-{index}", *["long"] * 16)
        await service.create(f"/api/v1/namespaces/{TENANT}/pods", raw)
    return await all_asked(
        service,
        "/api/v1/pods?pending=true",
        "/api/v1/claims",
        "/api/v1/overview",
        f"/api/v1/pods/{TENANT}/long-1/explain",
    )
