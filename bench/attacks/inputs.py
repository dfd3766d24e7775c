"""The attacks: requests, and objects that a tenant or a driver may write."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from bench.attacks.served import SLICES, Served
from bench.scenes import DRIVER
from tests.attack.dear_selectors import SELECTORS

Attack = Callable[[Served], Awaitable[str]]
"""Returns how it ended."""

TENANT = "team-a"
_RETRIES = 40
_JSON, _YAML = "application/json", "application/yaml"
_MEGABYTES = 1024 * 1024
_ATTACKS: dict[str, Attack] = {}


def attacks() -> dict[str, Attack]:
    """By name."""
    return dict(_ATTACKS)


def _attack(name: str) -> Callable[[Attack], Attack]:
    def add(attack: Attack) -> Attack:
        _ATTACKS[name] = attack
        return attack

    return add


def claim(name: str, selectors: Iterable[str], namespace: str = TENANT) -> Any:
    """A claim with one request."""
    exactly = {
        "deviceClassName": "gpu",
        "allocationMode": "ExactCount",
        "count": 1,
        "selectors": [{"cel": {"expression": text}} for text in selectors],
    }
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"},
        "spec": {"devices": {"requests": [{"name": "r", "exactly": exactly}]}},
    }


def pod(name: str, *claims: str, **spec: Any) -> Any:
    """A Pod of the tenant."""
    entries = [{"name": f"c{index}", "resourceClaimName": item} for index, item in enumerate(claims)]
    containers = [{"name": "c", "image": "i"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": TENANT, "uid": f"uid-{name}"},
        "spec": {"containers": containers, "resourceClaims": entries} | spec,
    }


async def write(service: Served, *claims_: Any) -> None:
    """Writes claims as the tenant does, and waits until the service knows them."""
    for item in claims_:
        await service.create(f"/apis/resource.k8s.io/v1/namespaces/{TENANT}/resourceclaims", item)
    for _ in range(500):
        listed = await service.api.get("/api/v1/claims", params={"namespace": TENANT, "limit": 1000})
        names = {item["name"] for item in listed.json()["items"]}
        if {item["metadata"]["name"] for item in claims_} <= names:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the service does not know the claims")


async def filtered(service: Served, raw: Any, seconds: float = 45.0) -> str:
    """Filters a Pod as kube-scheduler does, again and again until there is a verdict."""
    body = orjson.dumps({"Pod": raw, "NodeNames": service.nodes})
    began, tries = time.perf_counter(), 0
    while True:
        tries += 1
        response = await service.api.post(
            "/scheduler/filter", content=body, headers={"Content-Type": _JSON}, timeout=10
        )
        answer = response.json()
        took = time.perf_counter() - began
        if not answer.get("Error"):
            reasons = {
                **(answer.get("FailedNodes") or {}),
                **(answer.get("FailedAndUnresolvableNodes") or {}),
            }
            fits = len(answer.get("NodeNames") or ())
            found = "fits" if fits else next(iter(reasons.values()), "no reason")[:110]
            return f"after {tries} filters, {took:.0f} s: {found}"
        if took > seconds:
            return f"after {tries} filters, {took:.0f} s: {answer['Error'][:110]}"
        await asyncio.sleep(1)


async def explained(service: Served, raw: Any) -> str:
    """Creates a Pod, and asks why it is pending."""
    await service.create(f"/api/v1/namespaces/{TENANT}/pods", raw)
    for _ in range(100):
        found = await asked(service, "GET", f"/api/v1/pods/{TENANT}/{raw['metadata']['name']}/explain")
        if not found.startswith("404"):
            break
        await asyncio.sleep(0.1)
    return found


async def posted(service: Served, path: str, body: Any, kind: str = _JSON) -> str:
    """Status, code, and seconds."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return await asked(service, "POST", path, content=content, headers={"Content-Type": kind})


async def asked(service: Served, method: str, path: str, **more: Any) -> str:
    """As ``posted``."""
    began = time.perf_counter()
    response = await service.api.request(method, path, timeout=120, **more)
    took = time.perf_counter() - began
    answer = response.json()
    error = answer.get("error") or {} if isinstance(answer, dict) else {}
    code = f" {error['code']}: {error['message']}"[:110] if error else ""
    return f"{response.status_code}{code}, {took:.1f} s"


def _dear(name: str, blanks: int = 32) -> list[str]:
    # A blank more each time: another text, as dear as the first.
    return [SELECTORS[name] + " " * index for index in range(blanks)]


def _filters_of(label: str, selectors: list[str]) -> None:
    name = "dear-" + label.replace(" ", "-")

    @_attack(f"filter, {label}")
    async def _(service: Served) -> str:
        await write(service, claim(name, selectors))
        return await filtered(service, pod(name, name))


_filters_of("32 dear selectors", _dear("reads the device"))
_filters_of("32 dear selectors, the last false", [*_dear("reads the device", 31), "device.driver == 'x'"])
for _name in SELECTORS:
    if _name != "reads the device":
        _filters_of(f"{_name} x 32", _dear(_name))


@_attack("filters, 40 Pods with 32 dear selectors each")
async def _many_pods(service: Served) -> str:
    names = [f"flood-{index}" for index in range(40)]
    every = [
        claim(name, [text + " " * (32 * index) for text in _dear("reads the device")])
        for index, name in enumerate(names)
    ]
    await write(service, *every)
    found = await asyncio.gather(*(filtered(service, pod(name, name), 20) for name in names))
    return f"{len(found)} Pods; the last {found[-1]}"


@_attack("a Pod with 32 claims of 32 dear selectors")
async def _many_claims(service: Served) -> str:
    names = [f"many-{index}" for index in range(32)]
    await write(service, *(claim(name, _dear("many terms")) for name in names))
    return await filtered(service, pod("many", *names))


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

    @_attack(f"filters of a Pod with 3,000 {what}")
    async def _(service: Served) -> str:
        await write(service, claim("large" if what == "claims" else name, ["true"]))
        raw = pod(name, name, **spec)
        return await filtered(service, raw)


for _what, _spec in _large_pods().items():
    _filters_of_large(_what, _spec)


@_attack("explanation of a Pod with 32 dear selectors")
async def _explain(service: Served) -> str:
    await write(service, claim("explained", [text + "  " for text in _dear("reads the device")]))
    return await explained(service, pod("explained", "explained"))


@_attack("explanation of a Pod with 3,000 claims for devices that do not exist")
async def _explain_large(service: Served) -> str:
    await write(service, claim("none", ["device.driver == 'none'"]))
    entries = [{"name": f"r-{index}", "resourceClaimName": "none"} for index in range(3_000)]
    return await explained(service, pod("hopeless", resourceClaims=entries))


@_attack("matches, a selector beyond the cost limit; the client leaves after 5 s")
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


def _bodies() -> None:
    size = 16 * _MEGABYTES - 1024
    kinds = {
        "16 MiB of {} in JSON sent as YAML": (_YAML, lambda: b"[" + b"{}," * (size // 3) + b"{}]"),
        "16 MiB of 0 in JSON sent as YAML": (_YAML, lambda: b"[" + b"0," * (size // 2) + b"0]"),
        "16 MiB of {}{}{}": (_YAML, lambda: b"{}" * (size // 2)),
        "YAML of 300,000 keys": (_YAML, lambda: b"\n".join(b"k%d: v" % index for index in range(300_000))),
        "3 million times ---": (_YAML, lambda: b"---\n" * 3_000_000),
        "one comment of 16 MiB": (_YAML, lambda: b"#" * size),
        "one scalar of 16 MiB": (_YAML, lambda: b"a: " + b"x" * size),
        "16 MiB of {} in JSON": (_JSON, lambda: b'{"pods":[' + b"{}," * (size // 3) + b"{}]}"),
        "16 MiB of escapes in JSON": (_JSON, lambda: b'{"pods":["' + b"\\n" * (size // 2) + b'"]}'),
        "JSON of 1,000,000 unknown fields": (
            _JSON,
            lambda: b"{" + b",".join(b'"k%d":1' % index for index in range(1_000_000)) + b"}",
        ),
    }
    for label, (kind, make) in kinds.items():
        for path in ("placements", "documents"):
            _body_of(f"{path}, {label}", f"/api/v1/{path}", make, kind)


def _body_of(label: str, path: str, make: Callable[[], bytes], kind: str) -> None:
    @_attack(label)
    async def _(service: Served) -> str:
        return await posted(service, path, make(), kind)


_bodies()


@_attack("four bodies of 16 MiB at once")
async def _bodies_at_once(service: Served) -> str:
    body = b'{"pods":[' + b"{}," * (5 * _MEGABYTES) + b"{}]}"
    found = await asyncio.gather(*(posted(service, "/api/v1/placements", body) for _ in range(4)))
    return "; ".join(found)


def _plain(name: str) -> Any:
    return pod(name)


def _what_ifs() -> None:
    taint = {"driver": DRIVER, "key": "k", "effect": "NoSchedule"}
    devices = [{"name": f"d{index}"} for index in range(10_000)]
    big = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": "big"},
        "spec": {"driver": DRIVER, "nodeName": "node-00000", "pool": _pool("big"), "devices": devices},
    }
    changes: dict[str, dict[str, Any]] = {
        "addNodes 10 x 10,000": {"addNodes": [{"like": "node-00000", "count": 10_000}] * 10},
        "addNodes 1 x 2,000": {"addNodes": [{"like": "node-00000", "count": 2_000}]},
        "1,000 taints": {
            "taints": [taint | {"key": f"k{index}", "device": f"gpu-{index % 8}"} for index in range(1_000)]
        },
        "a slice of 10,000 devices": {"objects": [big]},
        "32 selectors of 10 kB in a class": {"objects": [_class("big", _large(32))]},
        "150 selectors of 10 kB in a class": {"objects": [_class("big", _large(150))]},
        "600 claims with a selector each": {
            "objects": [claim(f"own-{index}", [f"device.driver == 'x{index}'"]) for index in range(600)],
            "pods": [pod(f"own-{index}", f"own-{index}") for index in range(600)],
        },
        "60 claims with 10 kB of selector each": {
            "objects": [claim(f"own-{index}", [text]) for index, text in enumerate(_large(60))],
            "pods": [pod(f"own-{index}", f"own-{index}") for index in range(60)],
        },
        "removal of each node": {
            "remove": [{"kind": "Node", "name": f"node-{index:05}"} for index in range(200)]
        },
        "10,000 Pods with a claim each": {
            "objects": [_template("many", ["device.driver != ''"])],
            "workloads": [_job("many", 10_000)],
        },
    }
    for label, change in changes.items():
        _what_if(label, change)


def _what_if(label: str, change: dict[str, Any]) -> None:
    body = change if "pods" in change or "workloads" in change else {"pods": [_plain("p")]} | change

    @_attack(f"placements, {label}")
    async def _(service: Served) -> str:
        return await posted(service, "/api/v1/placements", body)


def _pool(name: str, generation: int = 1, count: int = 1) -> dict[str, Any]:
    return {"name": name, "generation": generation, "resourceSliceCount": count}


def _class(name: str, selectors: list[str]) -> Any:
    expressions = [{"cel": {"expression": text}} for text in selectors]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": {"selectors": expressions},
    }


def _large(number: int) -> list[str]:
    return [
        " || ".join(f"device.driver == 'x{index}-{item}'" for item in range(340)) + " || true"
        for index in range(number)
    ]


def _template(name: str, selectors: list[str]) -> Any:
    made = claim(name, selectors)
    return made | {"kind": "ResourceClaimTemplate", "spec": {"spec": made["spec"]}}


def _job(name: str, replicas: int) -> Any:
    entries = [{"name": "c", "resourceClaimTemplateName": name}]
    spec = {"containers": [{"name": "c", "image": "i"}], "resourceClaims": entries, "restartPolicy": "Never"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": TENANT},
        "spec": {"parallelism": replicas, "completions": replicas, "template": {"spec": spec}},
    }


_what_ifs()


@_attack("capacity for an extended resource")
async def _capacity(service: Served) -> str:
    requests = {"deviceclass.resource.kubernetes.io/gpu": "1"}
    container = {"name": "c", "image": "i", "resources": {"requests": requests, "limits": requests}}
    body = {"pod": pod("ext", containers=[container]), "limit": 40_000}
    response = await service.api.post(
        "/api/v1/capacity", content=orjson.dumps(body), headers={"Content-Type": _JSON}
    )
    answer = response.json()
    seconds = response.elapsed.total_seconds()
    return f"{response.status_code}, fits {answer.get('fits')}, {seconds:.0f} s"


@_attack("slices of one pool over all nodes, one by one")
async def _pool_of_all(service: Served) -> str:
    number = min(8_000, 8 * len(service.nodes))
    began, cpu = time.perf_counter(), service.cpu_seconds()
    for index in range(number):
        name = f"wide-{index:05}"
        spec = {
            "driver": "wide.example.com",
            "nodeName": service.nodes[index % len(service.nodes)],
            "pool": _pool("wide", 1, number),
            "devices": [{"name": f"w{index}"}],
        }
        body = {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceSlice",
            "metadata": {"name": name},
            "spec": spec,
        }
        await service.create(SLICES, body)
    await asyncio.sleep(2)
    took = time.perf_counter() - began
    return f"{number} slices in {took:.0f} s, {service.cpu_seconds() - cpu:.0f} s of CPU time"


@_attack("a pool whose generation rises 100 times a second")
async def _generations(service: Served) -> str:
    began, cpu, generation = time.perf_counter(), service.cpu_seconds(), 0
    while time.perf_counter() - began < 20:
        generation += 1
        spec = {
            "driver": "quick.example.com",
            "nodeName": service.nodes[0],
            "pool": _pool("quick", generation),
            "devices": [{"name": f"q{index}"} for index in range(128)],
        }
        body = {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceSlice",
            "metadata": {"name": "quick"},
            "spec": spec,
        }
        if generation == 1:
            await service.create(SLICES, body)
        else:
            await service.cluster.put(f"{SLICES}/quick", content=orjson.dumps(body))
        await asyncio.sleep(max(0.0, began + generation / 100 - time.perf_counter()))
    return f"{generation} generations in 20 s, {service.cpu_seconds() - cpu:.0f} s of CPU time"


@_attack("30 dry runs at once")
async def _dry_runs(service: Served) -> str:
    body = {"objects": [_template("many", ["device.driver != ''"])], "workloads": [_job("many", 2_000)]}
    found = await asyncio.gather(*(posted(service, "/api/v1/placements", body) for _ in range(30)))
    statuses = [item[:3] for item in found]
    return ", ".join(f"{statuses.count(status)} x {status}" for status in sorted(set(statuses)))
