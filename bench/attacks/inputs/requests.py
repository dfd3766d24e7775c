"""What attacks send, and how they wait for its end."""

import asyncio
import time
from collections import Counter
from typing import Any

import orjson

from bench.attacks.inputs.objects import TENANT
from bench.attacks.served import Served

JSON, YAML = "application/json", "application/yaml"


async def write(service: Served, *claims_: Any) -> None:
    """Writes claims as the tenant does, and waits until the service knows them."""
    for item in claims_:
        await service.create(f"/apis/resource.k8s.io/v1/namespaces/{TENANT}/resourceclaims", item)
    for _ in range(500):
        listed = await service.api.get("/api/v1/claims", params={"namespace": TENANT, "limit": 5000})
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
            "/scheduler/filter", content=body, headers={"Content-Type": JSON}, timeout=10
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


async def posted(service: Served, path: str, body: Any, kind: str = JSON) -> str:
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


async def all_asked(service: Served, *paths: str) -> str:
    """GETs one after the other: how many responses of each status, and the seconds of the slowest."""
    statuses: Counter[int] = Counter()
    slowest = 0.0
    for path in paths:
        began = time.perf_counter()
        response = await service.api.get(path, timeout=120)
        slowest = max(slowest, time.perf_counter() - began)
        statuses[response.status_code] += 1
    counts = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    return f"{counts}, {slowest:.1f} s at most"
