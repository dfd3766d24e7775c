"""A Kubernetes API server at the HTTP boundary, in memory, that can be made to fail as a real one does.

`FakeApiServer.respond` is the server. Two ways lead to it: `InMemoryTransport`, an httpx transport without
sockets for virtual time (a transport of its own since httpx.ASGITransport gives an answer only when it is
complete, and a watch never is), and `asgi`, for a real server on a socket.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson

from app.core.json_object import JsonObject
from tests.cluster.fake_store import Place, StatusError, Store
from tests.cluster.patching import json_patch, merge_patch

CORE = {"pods": "Pod", "nodes": "Node", "namespaces": "Namespace", "events": "Event"}
DRA = {
    "resourceslices": "ResourceSlice",
    "resourceclaims": "ResourceClaim",
    "resourceclaimtemplates": "ResourceClaimTemplate",
    "deviceclasses": "DeviceClass",
    "devicetaintrules": "DeviceTaintRule",
}
DRA_GROUP = "resource.k8s.io"
API: Mapping[str, Mapping[str, str]] = {
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "v1": CORE,
    f"{DRA_GROUP}/v1": DRA,
    "coordination.k8s.io/v1": {"leases": "Lease"},
    "events.k8s.io/v1": {"events": "Event"},
    "scheduling.k8s.io/v1beta1": {"podgroups": "PodGroup"},
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the server sees it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") in {"true", "1"}


@dataclass(slots=True)
class Answer:
    status: int
    chunks: AsyncIterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)


class CutError(Exception):
    """The connection breaks here; before the answer began unless raised by Answer.chunks."""


@dataclass(slots=True)
class Fault:
    """What happens to the next `times` requests that match.

    status: refused with it, not carried out (`retry_after` in seconds; `causes` of Status.details).
    cut: "before" the request is carried out, or "after": done, but the answer is lost, or is `status`.
    delay: seconds before the request is carried out.
    """

    matches: Callable[[Call], bool]
    times: float = 1
    status: int = 0
    reason: str = ""
    retry_after: int | None = None
    causes: tuple[str, ...] = ()
    cut: str = ""
    delay: float = 0.0


class FakeApiServer:
    """
    Args:
        api: API versions and what each serves, plural to kind.
        watch_list: whether watches may send initial events; else such a watch is invalid (422).
        bookmark_seconds: between bookmarks.
        now: seconds since the epoch, for timestamps.

    Attributes to set: `down` (connections are refused), `frozen` (watches fall silent), `watch_limit_seconds`
    (watches end then, whatever was asked for), `token` (the only bearer token accepted), `faults`, `version`
    (its answer), `metrics` (text; None: forbidden).
    """

    def __init__(
        self,
        *,
        api: Mapping[str, Mapping[str, str]] = API,
        watch_list: bool = True,
        bookmark_seconds: float = 60.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.store = Store(now)
        self.api = dict(api)
        self.watch_list = watch_list
        self.bookmark_seconds = bookmark_seconds
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.before_each: Callable[[Call], None] = lambda _: None
        self.down = False
        self.frozen = False
        self.watch_limit_seconds = float("inf")
        self.token: str | None = None
        self.version: JsonObject = {"gitVersion": "v1.37.2"}
        self.metrics: bytes | None = None
        self.open_watches = 0
        # In the order in which they were opened, so that a seed replays a run.
        self._streams: dict[_Stream, None] = {}
        self.store.listeners.append(self._wake)

    def put(self, api_version: str, plural: str, body: JsonObject) -> JsonObject:
        """Creates an object, or writes all of it, status too, as whoever owns it would."""
        metadata = body.setdefault("metadata", {})
        place = Place(_group(api_version), plural, metadata.get("namespace", ""), metadata.get("name", ""))
        status = body.get("status")
        try:
            self.store.find(place)
            self.store.update(place, lambda _: body)
        except StatusError as refusal:
            if refusal.status != 404:
                raise
            place = replace(place, name=self.store.create(place, body)["metadata"]["name"])
        if status is not None:
            self.store.update(place, lambda old: {**old, "status": status}, "status")
        return self.store.find(place)

    def remove(self, api_version: str, plural: str, name: str, namespace: str = "") -> None:
        self.store.delete(Place(_group(api_version), plural, namespace, name))

    def break_watches(self, partial: bytes = b"") -> None:
        """Cuts every watch, after `partial`: the beginning of an event, say."""
        for stream in list(self._streams):
            stream.cut(partial)

    def stop(self) -> None:
        """As kill -9: what is open breaks, what comes is refused, until `down` is False again."""
        self.down = True
        self.break_watches()

    async def respond(self, call: Call) -> Answer:
        """Raises: CutError where a fault breaks the connection."""
        self.calls.append(call)
        self.before_each(call)
        fault = next((fault for fault in self.faults if fault.times > 0 and fault.matches(call)), None)
        if fault is not None:
            fault.times -= 1
            await asyncio.sleep(fault.delay)
            if fault.cut == "before":
                raise CutError
            if fault.status and fault.cut != "after":
                refusal = StatusError(fault.status, fault.reason, "as the test asked", fault.causes)
                return _refused(refusal, fault.retry_after)
        try:
            self._check_token(call)
            answer = self._route(call)
        except StatusError as refusal:
            return _refused(refusal)
        if fault is not None and fault.cut == "after":
            if fault.status:
                return _refused(StatusError(fault.status, fault.reason, "as the test asked"))
            raise CutError
        return answer

    def _check_token(self, call: Call) -> None:
        if self.token is not None and call.headers.get("authorization") != f"Bearer {self.token}":
            raise StatusError(401, "Unauthorized", "Unauthorized")

    def _route(self, call: Call) -> Answer:
        parts = call.path.strip("/").split("/")
        if parts == ["version"]:
            return _json(200, self.version)
        if parts == ["metrics"]:
            if self.metrics is None:
                raise StatusError(403, "Forbidden", "cannot get path /metrics")
            return Answer(200, _in_pieces(self.metrics), {"content-type": "text/plain"})
        if parts[0] == "apis" and len(parts) == 2:
            return self._group_versions(parts[1])
        core = parts[0] == "api"
        api_version, rest = (parts[1], parts[2:]) if core else ("/".join(parts[1:3]), parts[3:])
        served = self.api.get(api_version)
        if served is None:
            raise StatusError(404, "NotFound", "the server could not find the requested resource")
        if not rest:
            return _json(200, {"kind": "APIResourceList", "resources": _resources(served)})
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name, subresource = (*rest, "", "")[:3]
        if plural not in served:
            raise StatusError(404, "NotFound", "the server could not find the requested resource")
        place = Place(_group(api_version), plural, namespace, name)
        envelope = {"apiVersion": api_version, "kind": served[plural]}
        if call.method == "GET" and not name:
            return self._watch(call, place, envelope) if call.is_watch else self._list(call, place, envelope)
        result, status = self._one(call, place, subresource)
        return _json(status, {**result, **envelope})

    def _one(self, call: Call, place: Place, subresource: str) -> tuple[JsonObject, int]:
        body: Any = orjson.loads(call.body) if call.body else {}
        manager = call.query.get("fieldManager", "")
        if call.method == "GET":
            return self.store.find(place), 200
        if call.method == "POST":
            return self._post(place, subresource, body, manager), 201
        if call.method == "PUT":
            return self.store.update(place, lambda _: body, subresource, manager), 200
        if call.method == "PATCH":
            is_json = call.headers.get("content-type") == "application/json-patch+json"
            change = json_patch if is_json else merge_patch
            return self.store.update(place, lambda old: change(old, body), subresource, manager), 200
        if call.method == "DELETE":
            return self.store.delete(place, body.get("preconditions")), 200
        raise StatusError(405, "MethodNotAllowed", "the server does not allow this method")

    def _post(self, place: Place, subresource: str, body: Any, manager: str) -> JsonObject:
        if subresource == "binding":
            return self.store.bind(place, body)
        if subresource == "eviction":
            options = body.get("deleteOptions") or {}
            if options.get("dryRun"):
                return self.store.find(place)
            return self.store.delete(place, options.get("preconditions"))
        named = replace(place, name=body.get("metadata", {}).get("name", ""))
        return self.store.create(named, body, manager)

    def _group_versions(self, group: str) -> Answer:
        versions = [name.split("/")[1] for name in self.api if name.startswith(f"{group}/")]
        if not versions:
            raise StatusError(404, "NotFound", "the server could not find the requested resource")
        listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
        return _json(200, {"kind": "APIGroup", "name": group, "versions": listed})

    def _list(self, call: Call, place: Place, envelope: Mapping[str, str]) -> Answer:
        """Later pages show the state of the first page's version, rebuilt from the history."""
        limit = int(call.query.get("limit", "0"))
        version, start = self.store.version, 0
        if call.query.get("continue"):
            version, start = map(int, call.query["continue"].split("-"))
            if version < self.store.oldest:
                raise StatusError(410, "Expired", "The provided continue parameter is too old")
        objects = self._state_at(place, version)
        page = objects[start : start + limit] if limit else objects
        more = start + len(page) < len(objects)
        metadata = {"resourceVersion": str(version)}
        if more:
            metadata["continue"] = f"{version}-{start + len(page)}"
        kind = f"{envelope['kind']}List"
        return _json(200, {**envelope, "kind": kind, "metadata": metadata, "items": page})

    def _state_at(self, place: Place, version: int) -> list[JsonObject]:
        if version == self.store.version:
            return self.store.select(place.collection, place.namespace)
        state: dict[Place, JsonObject] = {}
        for change in self.store.history:
            if change.version <= version and change.place.collection == place.collection:
                state[change.place] = change.object
                if change.type == "DELETED":
                    del state[change.place]
        return [state[key] for key in sorted(state, key=lambda key: (key.namespace, key.name))]

    def _watch(self, call: Call, place: Place, envelope: Mapping[str, str]) -> Answer:
        initial = call.query.get("sendInitialEvents") == "true"
        if initial and not self.watch_list:
            raise StatusError(
                422, "Invalid", "sendInitialEvents: Forbidden: the WatchList feature gate is off"
            )
        stream = _Stream(self, call, place, dict(envelope), initial=initial)
        self._streams[stream] = None
        return Answer(200, stream.lines(), {"content-type": "application/json"})

    def _closed(self, stream: "_Stream") -> None:
        self._streams.pop(stream, None)

    def _wake(self) -> None:
        for stream in self._streams:
            stream.changed.set()


class _Stream:
    """One open watch."""

    def __init__(
        self, server: FakeApiServer, call: Call, place: Place, envelope: JsonObject, *, initial: bool
    ) -> None:
        self.changed = asyncio.Event()
        self._server = server
        self._place = place
        self._envelope = envelope
        self._initial = initial
        self._asked = call.query.get("resourceVersion", "")
        self._seconds = float(call.query.get("timeoutSeconds", "3600"))
        self._bookmarks = call.query.get("allowWatchBookmarks") == "true"
        self._cut: bytes | None = None

    def cut(self, partial: bytes) -> None:
        self._cut = partial
        self.changed.set()

    async def lines(self) -> AsyncIterator[bytes]:
        server = self._server
        server.open_watches += 1
        try:
            async for line in self._events():
                yield line
        finally:
            server.open_watches -= 1
            server._closed(self)

    def _refusal(self, since: int) -> StatusError | None:
        """Why there is no going on from a version; 0 asks for all there is."""
        if 0 < since < self._server.store.oldest:
            return StatusError(410, "Expired", f"too old resource version: {since}")
        if since > self._server.store.version:
            causes = ("ResourceVersionTooLarge",)
            return StatusError(504, "Timeout", f"Too large resource version: {since}", causes)
        return None

    async def _events(self) -> AsyncIterator[bytes]:
        store, loop = self._server.store, asyncio.get_running_loop()
        since = int(self._asked or 0) if not self._initial else 0
        if (refusal := self._refusal(since)) is not None:
            yield _line("ERROR", _status(refusal))
            return
        if not since:
            since = store.version
            for obj in store.select(self._place.collection, self._place.namespace):
                yield self._line("ADDED", obj)
            if self._initial:
                yield self._bookmark(since, {"annotations": {"k8s.io/initial-events-end": "true"}})
        end = loop.time() + min(self._seconds, self._server.watch_limit_seconds)
        bookmark_at = loop.time() + self._server.bookmark_seconds
        cursor = next((n for n, change in enumerate(store.history) if change.version > since), None)
        cursor = len(store.history) if cursor is None else cursor
        while loop.time() < end:
            while self._cut is None and not self._server.frozen and cursor < len(store.history):
                change = store.history[cursor]
                cursor += 1
                if change.version > since and self._concerns(change.place):
                    yield self._line(change.type, change.object)
            if self._cut is not None:
                if self._cut:
                    yield self._cut
                raise CutError
            if loop.time() >= bookmark_at:
                bookmark_at += self._server.bookmark_seconds
                if self._bookmarks and not self._server.frozen and store.version >= since:
                    yield self._bookmark(store.version, {})
            await self._wait(min(end, bookmark_at) - loop.time())

    def _concerns(self, place: Place) -> bool:
        return place.collection == self._place.collection and self._place.namespace in {"", place.namespace}

    async def _wait(self, seconds: float) -> None:
        self.changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            pass

    def _line(self, kind: str, obj: JsonObject) -> bytes:
        return _line(kind, {**obj, **self._envelope})

    def _bookmark(self, version: int, extra: JsonObject) -> bytes:
        metadata = {"resourceVersion": str(version), "creationTimestamp": None, **extra}
        return _line("BOOKMARK", {**self._envelope, "metadata": metadata})


class InMemoryTransport(httpx.AsyncBaseTransport):
    """Requests reach the fake as function calls; read timeouts and broken connections as over a socket."""

    def __init__(self, server: FakeApiServer) -> None:
        self._server = server

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._server.down:
            raise httpx.ConnectError("connection refused")
        path, _, query = request.url.raw_path.decode().partition("?")
        read = request.extensions["timeout"]["read"]
        call = Call(request.method, path, dict(parse_qsl(query)), request.headers, request.content)
        try:
            async with asyncio.timeout(read):
                answer = await self._server.respond(call)
        except TimeoutError:
            raise httpx.ReadTimeout("silent") from None
        except CutError:
            raise httpx.RemoteProtocolError("server disconnected") from None
        return httpx.Response(
            answer.status, headers=dict(answer.headers), stream=_MemoryStream(answer.chunks, read)
        )


class _MemoryStream(httpx.AsyncByteStream):
    def __init__(self, chunks: AsyncIterator[bytes], read_timeout: float) -> None:
        self._chunks = chunks
        self._read_timeout = read_timeout

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._read_timeout):
                    chunk = await anext(self._chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise httpx.ReadTimeout("silent") from None
            except CutError:
                raise httpx.ReadError("connection reset") from None
            yield chunk

    async def aclose(self) -> None:
        await self._chunks.aclose()  # type: ignore[attr-defined]


def asgi(server: FakeApiServer) -> Callable[..., Any]:
    """The fake as an ASGI application; a cut ends the answer without its last chunk."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode()))
        answer = await server.respond(Call(scope["method"], scope["path"], query, headers, body))
        fields = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": fields})
        answering = asyncio.ensure_future(_send_all(send, answer.chunks))
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    return app


async def _send_all(send: Any, chunks: AsyncIterator[bytes]) -> None:
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _group(api_version: str) -> str:
    return api_version.partition("/")[0] if "/" in api_version else ""


def _resources(served: Mapping[str, str]) -> list[JsonObject]:
    whole = [{"name": plural, "kind": kind} for plural, kind in served.items()]
    return whole + [{"name": f"{plural}/status", "kind": kind} for plural, kind in served.items()]


def _status(refusal: StatusError) -> JsonObject:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": refusal.message,
        "reason": refusal.reason,
        "details": {"causes": [{"reason": cause} for cause in refusal.causes]},
        "code": refusal.status,
    }


def _refused(refusal: StatusError, retry_after: int | None = None) -> Answer:
    answer = _json(refusal.status, _status(refusal))
    if retry_after is not None:
        answer.headers = {**answer.headers, "retry-after": str(retry_after)}
    return answer


async def _in_pieces(text: bytes, size: int = 100) -> AsyncIterator[bytes]:
    for at in range(0, len(text), size):
        yield text[at : at + size]


def _json(status: int, body: JsonObject) -> Answer:
    encoded = orjson.dumps(body)  # now: the object may be changed before the answer is read

    async def chunks() -> AsyncIterator[bytes]:
        yield encoded

    return Answer(status, chunks(), {"content-type": "application/json"})


def _line(kind: str, obj: JsonObject) -> bytes:
    return orjson.dumps({"type": kind, "object": obj}) + b"\n"
