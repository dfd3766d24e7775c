"""ResourceSlices that a driver may publish."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from bench.attacks.inputs.objects import claim, pod, slice_of
from bench.attacks.inputs.registry import registry
from bench.attacks.inputs.requests import all_asked, filtered, write
from bench.attacks.served import SLICES, Served
from bench.scenes import DRIVER

ATTACKS, attack = registry()

HOSTNAME = "kubernetes.io/hostname"


@attack("slices of one pool over all nodes, one by one")
async def _pool_of_all(service: Served) -> str:
    number = min(8_000, 8 * len(service.nodes))
    began, cpu = time.perf_counter(), service.cpu_seconds()
    for index in range(number):
        where = {"nodeName": service.nodes[index % len(service.nodes)]}
        of_pool = {"name": "wide", "resourceSliceCount": number}
        devices = [{"name": f"w{index}"}]
        body = slice_of(f"wide-{index:05}", "wide.example.com", devices, where, **of_pool)
        await service.create(SLICES, body)
    await asyncio.sleep(2)
    took = time.perf_counter() - began
    return f"{number} slices in {took:.0f} s, {service.cpu_seconds() - cpu:.0f} s of CPU time"


@attack("a pool whose generation rises 100 times a second")
async def _generations(service: Served) -> str:
    began, cpu, generation = time.perf_counter(), service.cpu_seconds(), 0
    while time.perf_counter() - began < 20:
        generation += 1
        devices = [{"name": f"q{index}"} for index in range(128)]
        where = {"nodeName": service.nodes[0]}
        body = slice_of("quick", "quick.example.com", devices, where, generation=generation)
        if generation == 1:
            await service.create(SLICES, body)
        else:
            await service.cluster.put(f"{SLICES}/quick", content=orjson.dumps(body))
        await asyncio.sleep(max(0.0, began + generation / 100 - time.perf_counter()))
    return f"{generation} generations in 20 s, {service.cpu_seconds() - cpu:.0f} s of CPU time"


_EVERYWHERE = {"nodeSelectorTerms": [{"matchExpressions": [{"key": HOSTNAME, "operator": "Exists"}]}]}


@attack("3,000 drivers")
async def _many_drivers(service: Served) -> str:
    for index in range(3_000):
        where = {"nodeName": service.nodes[index % len(service.nodes)]}
        body = slice_of(f"driver-{index:05}", f"d{index:05}.example.com", [{"name": "d"}], where)
        await service.create(SLICES, body)
    return await all_asked(
        service,
        "/api/v1/overview",
        "/metrics",
        "/api/v1/classes",
        "/api/v1/usage?by=driver",
        "/api/v1/pools?limit=5000",
        "/api/v1/fleet?limit=5000",
    )


@attack("3,000 pools for all nodes, of which one changes 10 times a second")
async def _many_for_all(service: Served) -> str:
    for index in range(3_000):
        of_pool = {"name": f"a{index:05}"}
        where = {"allNodes": True}
        body = slice_of(f"all-{index:05}", "all.example.com", [{"name": "d"}], where, **of_pool)
        await service.create(SLICES, body)
    for generation in range(2, 102):
        of_pool = {"name": "a00000", "generation": generation}
        body = slice_of("all-00000", "all.example.com", [{"name": "d"}], {"allNodes": True}, **of_pool)
        await service.cluster.put(f"{SLICES}/all-00000", content=orjson.dumps(body))
        await asyncio.sleep(0.1)
    return await all_asked(service, "/api/v1/overview", "/api/v1/pools?limit=5000", "/metrics")


@attack("16 taints on each of 6,400 devices")
async def _taints(service: Served) -> str:
    for index in range(100):
        where = {"nodeName": service.nodes[index % len(service.nodes)]}
        devices = [_tainted(index, number) for number in range(64)]
        await service.create(SLICES, slice_of(f"tainted-{index:03}", "tainted.example.com", devices, where))
    return await all_asked(
        service,
        "/api/v1/overview?attribute=uuid",
        "/api/v1/devices?limit=5000",
        "/api/v1/usage?by=attribute:uuid",
        "/api/v1/devices/tainted.example.com/tainted-001/d1",
        "/metrics",
    )


def _tainted(slice_index: int, number: int) -> Any:
    own = f"{slice_index}-{number}"
    taints = [{"key": f"k{index}", "value": f"{own}-{index}", "effect": "NoSchedule"} for index in range(16)]
    return {"name": f"d{number}", "attributes": {"uuid": {"string": own}}, "taints": taints}


def _other_model(name: str) -> Any:
    return {"name": name, "attributes": {"model": {"string": "other"}}}


def _selecting(
    label: str, name: str, hosts: Callable[[Served], Sequence[str]], driver: str | None = None
) -> None:
    """A pool of 128 devices, each for all nodes but one. Of a ``driver`` in use, it is deleted afterwards."""
    of = driver or f"{name}.example.com"

    @attack(f"a node selector on each of 128 devices of a pool{label}")
    async def _(service: Served) -> str:
        left_out = hosts(service)
        for part in range(2):
            devices = [
                _other_model(f"d{part}-{number}") | {"nodeSelector": _all_but(left_out[64 * part + number])}
                for number in range(64)
            ]
            of_pool = {"name": name, "resourceSliceCount": 2}
            where = {"perDeviceNodeSelection": True}
            await service.create(SLICES, slice_of(f"{name}-{part}", of, devices, where, **of_pool))
        end = await all_asked(
            service,
            f"/api/v1/devices/{of}/{name}/d1-63",
            "/api/v1/devices?limit=100",
            "/api/v1/usage",
            "/api/v1/fleet?limit=1",
            "/api/v1/overview",
        )
        if driver:
            await service.delete(SLICES, *(f"{name}-{part}" for part in range(2)))
        return end


_selecting("", "chosen", lambda _: [f"x{number}" for number in range(128)])
_selecting(", by hosts that exist", "hosts", lambda service: service.nodes[:128])
_selecting(", by hosts that exist, of the driver in use", "own", lambda service: service.nodes[:128], DRIVER)


def _all_but(hostname: str) -> Any:
    expression = {"key": HOSTNAME, "operator": "NotIn", "values": [hostname]}
    return {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}


def _shared(label: str, name: str, driver: str) -> None:
    """A pool that all nodes can use, slice by slice. Of the driver in use, it is deleted afterwards."""

    @attack(f"one pool of 3,200 devices for all nodes{label}")
    async def _(service: Served) -> str:
        for part in range(50):
            devices = [_other_model(f"d{part}-{number}") for number in range(64)]
            of_pool = {"name": name, "resourceSliceCount": 50}
            where = {"nodeSelector": _EVERYWHERE}
            await service.create(SLICES, slice_of(f"{name}-{part}", driver, devices, where, **of_pool))
        await write(service, claim(name, [f"device.driver == '{driver}'"]))
        found = await filtered(service, pod(name, name))
        lists = await all_asked(
            service,
            f"/api/v1/devices/{driver}/{name}/d49-63",
            "/api/v1/pools",
            "/api/v1/devices?limit=5000",
            "/api/v1/usage?by=node",
            f"/api/v1/usage?by=node&by=label:{HOSTNAME}&by=state",
            "/api/v1/matches?selector=true",
            "/api/v1/overview",
        )
        if driver == DRIVER:
            await service.delete(SLICES, *(f"{name}-{part}" for part in range(50)))
        return f"{found}; {lists}"


_shared("", "shared", "shared.example.com")
_shared(", of the driver in use", "more", DRIVER)
