"""Bodies that are large, or that multiply while they are read."""

import asyncio
import time
from collections.abc import Callable

import httpx
import orjson

from bench.attacks.inputs.registry import registry
from bench.attacks.inputs.requests import JSON, YAML, posted
from bench.attacks.served import Served

ATTACKS, attack = registry()

_MEGABYTES = 1024 * 1024


def _bodies() -> None:
    size = 16 * _MEGABYTES - 1024
    kinds = {
        "16 MiB of {} in JSON sent as YAML": (YAML, lambda: b"[" + b"{}," * (size // 3) + b"{}]"),
        "16 MiB of 0 in JSON sent as YAML": (YAML, lambda: b"[" + b"0," * (size // 2) + b"0]"),
        "16 MiB of {}{}{}": (YAML, lambda: b"{}" * (size // 2)),
        "YAML of 300,000 keys": (YAML, lambda: b"\n".join(b"k%d: v" % index for index in range(300_000))),
        "3 million times ---": (YAML, lambda: b"---\n" * 3_000_000),
        "one comment of 16 MiB": (YAML, lambda: b"#" * size),
        "one scalar of 16 MiB": (YAML, lambda: b"a: " + b"x" * size),
        "16 MiB of {} in JSON": (JSON, lambda: b'{"pods":[' + b"{}," * (size // 3) + b"{}]}"),
        "16 MiB of escapes in JSON": (JSON, lambda: b'{"pods":["' + b"\\n" * (size // 2) + b'"]}'),
        "JSON of 1,000,000 unknown fields": (
            JSON,
            lambda: b"{" + b",".join(b'"k%d":1' % index for index in range(1_000_000)) + b"}",
        ),
    }
    for label, (kind, make) in kinds.items():
        for path in ("placements", "documents"):
            _body_of(f"{path}, {label}", f"/api/v1/{path}", make, kind)


def _body_of(label: str, path: str, make: Callable[[], bytes], kind: str) -> None:
    @attack(label)
    async def _(service: Served) -> str:
        return await posted(service, path, make(), kind)


_bodies()


@attack("four bodies of 16 MiB at once")
async def _bodies_at_once(service: Served) -> str:
    body = b'{"pods":[' + b"{}," * (5 * _MEGABYTES) + b"{}]}"
    found = await asyncio.gather(*(posted(service, "/api/v1/placements", body) for _ in range(4)))
    return "; ".join(found)


@attack("invalid values in bodies of 4 to 8 MB")
async def _invalid(service: Served) -> str:
    zeros, texts = b"[" + b"0," * 1_900_000 + b"0]", b"[" + b'"a",' * 1_900_000 + b'"a"]'
    flags = b"{" + b",".join(b'"k%d":true' % index for index in range(700_000)) + b"}"
    found = [
        await posted(service, "/api/v1/placements", b'{"%s":%s}' % (field, value))
        for field, value in (
            (b"pods", zeros),
            (b"nodes", texts),
            (b"nodes", zeros),
            (b"features", flags),
            (b"drain", zeros),
            (b"addNodes", b"[" + b"{}," * 600_000 + b"{}]"),
        )
    ]
    return "; ".join(item[:30] for item in found)


@attack("webhooks with 100,000 unknown nodes and victims")
async def _webhooks(service: Served) -> str:
    head = b'{"Pod":{"metadata":{"name":"x","namespace":"x","uid":"x"},"spec":{}},'
    names = b",".join(b'"n%d"' % index for index in range(100_000))
    victims = b",".join(b'"n%d":{"Pods":[{"UID":"a"}]}' % index for index in range(100_000))
    found = [
        await posted(service, "/scheduler/filter", head + b'"NodeNames":[' + names + b"]}"),
        await posted(service, "/scheduler/prioritize", head + b'"NodeNames":[' + names + b"]}"),
        await posted(service, "/scheduler/preempt", head + b'"NodeNameToMetaVictims":{' + victims + b"}}"),
    ]
    return "; ".join(item[:30] for item in found)


@attack("20,000 whole nodes that are not known, in filter and prioritize")
async def _whole_nodes(service: Served) -> str:
    items = [{"metadata": {"name": f"whole-{index}"}} for index in range(20_000)]
    claims = [{"name": "c", "resourceClaimName": "none"}]
    raw = {"metadata": {"name": "x", "namespace": "x", "uid": "x"}, "spec": {"resourceClaims": claims}}
    body = orjson.dumps({"Pod": raw, "Nodes": {"items": items}})
    found = [
        await posted(service, "/scheduler/filter", body),
        await posted(service, "/scheduler/prioritize", body),
    ]
    return "; ".join(item[:30] for item in found)


_CHUNKED = b"POST /scheduler/filter HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"


@attack("requests that wait for no response, for 10 s")
async def _piped(service: Served) -> str:
    return await _poured(service, b"", b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5_000)


@attack("fields without end behind a body, for 10 s")
async def _trailers(service: Served) -> str:
    return await _poured(service, _CHUNKED, b"a:\r\n" * 60_000)


async def _poured(service: Served, head: bytes, more: bytes) -> str:
    """Sends ``more`` again and again, and reads meanwhile; returns the last of what the service has sent."""
    url = httpx.URL(service.watched.api)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    last = bytearray()

    async def read() -> None:
        while data := await reader.read(65_536):
            last[:] = (last + data)[-400:]

    reading = asyncio.create_task(read())
    began, sent = time.perf_counter(), 0
    try:
        writer.write(head)
        while time.perf_counter() - began < 10:
            writer.write(more)
            async with asyncio.timeout(1):
                await writer.drain()
            sent += len(more)
    except (OSError, TimeoutError):
        pass  # it is closed, or not read any more
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.transport.abort()
    took = time.perf_counter() - began
    return f"{sent >> 20} MiB in {took:.1f} s, then {bytes(last[-60:]).decode(errors='replace')!r}"
