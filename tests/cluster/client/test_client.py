"""The client's contract: what is sent, what each answer becomes, what is repeated and what is not."""

import asyncio
from typing import Any

import httpx
import pytest

from app.cluster.client import errors
from app.cluster.client.call import PatchKind, Timeouts
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import POD, Resource
from app.cluster.client.fence import Fence
from tests.cluster.fake_apiserver import Call, FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time, run

CLAIM = Resource("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim", namespaced=True)
PATH = CLAIM.path("default", "c")
DEVICE = {"request": "r", "driver": "d", "pool": "p", "device": "x"}
STATUS = {
    "allocation": {"devices": {"results": [DEVICE]}},
    "reservedFor": [{"resource": "pods", "name": "p", "uid": "uid-9"}],
}


class Tokens:
    """Credentials as a list of tokens: each renewal moves to the next, if there is one."""

    identity = 0
    extra_headers = (("Impersonate-User", "somebody"),)

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)
        self.rejected: list[str | None] = []

    async def authorization(self) -> str | None:
        return f"Bearer {self._tokens[0]}"

    async def renew(self, rejected: str | None) -> None:
        self.rejected.append(rejected)
        if len(self._tokens) > 1:
            del self._tokens[0]


def client_of(server: FakeApiServer, **settings: Any) -> ApiClient:
    return ApiClient("http://fake", InMemoryTransport(server), **settings)


async def with_claim(server: FakeApiServer) -> tuple[ApiClient, dict[str, Any]]:
    client = client_of(server)
    claim = await client.post(CLAIM.path("default"), {"metadata": {"name": "c"}, "spec": {}})
    return client, claim


@in_virtual_time
async def test_claim_goes_through_its_life_by_patches() -> None:
    server = FakeApiServer()
    client, claim = await with_claim(server)
    finalizer = {"metadata": {"finalizers": ["resource.kubernetes.io/delete-protection"]}}
    held = await client.patch(PATH, finalizer)
    guarded = {"metadata": {"resourceVersion": held["metadata"]["resourceVersion"]}, "status": STATUS}
    allocated = await client.patch(f"{PATH}/status", guarded)
    assert allocated["status"] == STATUS
    assert allocated["metadata"]["uid"] == claim["metadata"]["uid"]
    with pytest.raises(errors.ConflictError, match="resourceVersion"):
        await client.patch(f"{PATH}/status", guarded)
    deleted = await client.delete(PATH)
    assert deleted["metadata"]["deletionTimestamp"]
    await client.patch(PATH, {"metadata": {"finalizers": None}})
    with pytest.raises(errors.NotFoundError):
        await client.get(PATH)


MEDIA_TYPES: list[tuple[PatchKind, Any, str]] = [
    ("merge", {"metadata": {"labels": {"a": "b"}}}, "application/merge-patch+json"),
    ("strategic", {"metadata": {"labels": {"a": "b"}}}, "application/strategic-merge-patch+json"),
    (
        "json",
        [
            {"op": "test", "path": "/metadata/name", "value": "c"},
            {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}},
        ],
        "application/json-patch+json",
    ),
]


@pytest.mark.parametrize(("kind", "body", "media_type"), MEDIA_TYPES, ids=[row[0] for row in MEDIA_TYPES])
def test_each_kind_of_patch_has_its_media_type(kind: PatchKind, body: Any, media_type: str) -> None:
    async def scenario() -> None:
        server = FakeApiServer()
        client, _ = await with_claim(server)
        patched = await client.patch(PATH, body, kind=kind)
        assert patched["metadata"]["labels"] == {"a": "b"}
        assert server.calls[-1].headers["content-type"] == media_type

    run(scenario())


@in_virtual_time
async def test_json_patch_whose_test_fails_changes_nothing() -> None:
    server = FakeApiServer()
    client, claim = await with_claim(server)
    patch = [
        {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}},
        {"op": "test", "path": "/metadata/uid", "value": "another"},
    ]
    with pytest.raises(errors.InvalidError):
        await client.patch(PATH, patch, kind="json")
    assert await client.get(PATH) == claim


ANSWERS: list[tuple[int, type[errors.ApiError]]] = [
    (400, errors.ApiError),
    (403, errors.ForbiddenError),
    (404, errors.NotFoundError),
    (409, errors.ConflictError),
    (410, errors.GoneError),
    (422, errors.InvalidError),
    (429, errors.TooManyRequestsError),
    (500, errors.ServerError),
    (503, errors.ServerError),
]


@pytest.mark.parametrize(("status", "expected"), ANSWERS)
def test_each_refusal_has_its_class(status: int, expected: type[errors.ApiError]) -> None:
    async def scenario() -> None:
        server = FakeApiServer()
        server.faults.append(
            Fault(lambda _call: True, status=status, reason="Because", retry_after=7, causes=("Cause",))
        )
        with pytest.raises(errors.ApiError) as caught:
            await client_of(server).get(PATH)
        error = caught.value
        assert type(error) is expected
        assert (error.status, error.reason, error.retry_after) == (status, "Because", 7)
        assert error.has_cause("Cause")
        assert not error.has_cause("Other")
        assert f"GET {PATH}: {status} Because: as the test asked" in str(error)

    run(scenario())


BODIES = [b"", b"<html>Bad Gateway</html>", b"[]", b'{"details": 3, "message": null}', b"\xff\xfe"]


@pytest.mark.parametrize("body", BODIES)
def test_refusal_by_something_that_is_no_api_server_is_still_a_refusal(body: bytes) -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(502, content=body))

    async def scenario() -> None:
        with pytest.raises(errors.ServerError) as caught:
            await ApiClient("http://proxy", transport).get("/api/v1/pods")
        assert caught.value.status == 502

    run(scenario())


@in_virtual_time
async def test_request_that_never_left_is_told_from_one_that_may_have_been_done() -> None:
    server = FakeApiServer()
    client, _ = await with_claim(server)
    server.faults.append(Fault(lambda call: call.method == "PATCH", cut="after"))
    with pytest.raises(errors.ConnectionFailedError) as lost:
        await client.patch(PATH, {"metadata": {"labels": {"a": "b"}}})
    assert lost.value.sent
    assert (await client.get(PATH))["metadata"]["labels"] == {"a": "b"}
    server.down = True
    with pytest.raises(errors.ConnectionFailedError) as refused:
        await client.patch(PATH, {})
    assert not refused.value.sent


@in_virtual_time
async def test_slow_answers_end_at_the_read_timeout_and_slow_requests_at_the_total() -> None:
    server = FakeApiServer()
    server.faults.append(Fault(lambda _call: True, delay=100, times=2))
    loop = asyncio.get_running_loop()
    for timeouts, expected in ((Timeouts(read=3, total=9), 3), (Timeouts(read=50, total=9), 9)):
        start = loop.time()
        with pytest.raises(errors.ConnectionFailedError):
            await client_of(server, timeouts=timeouts).get(PATH)
        assert loop.time() - start == pytest.approx(expected, abs=0.01)


@in_virtual_time
async def test_refused_token_is_renewed_once_and_the_request_repeated() -> None:
    server = FakeApiServer()
    server.token = "new"
    auth = Tokens("old", "new")
    await client_of(server, auth=auth).get("/api/v1/pods")
    assert [call.headers["authorization"] for call in server.calls] == ["Bearer old", "Bearer new"]
    assert auth.rejected == ["Bearer old"]
    assert server.calls[-1].headers["impersonate-user"] == "somebody"


@in_virtual_time
async def test_refused_token_that_cannot_be_renewed_is_not_tried_again_and_not_told() -> None:
    server = FakeApiServer()
    server.token = "other"
    client = client_of(server, auth=Tokens("secret-token"))
    with pytest.raises(errors.UnauthorizedError) as caught:
        await client.get("/api/v1/pods")
    assert len(server.calls) == 1
    assert "secret-token" not in f"{caught.value} {caught.value!r} {client!r}"


@in_virtual_time
async def test_second_refusal_is_final() -> None:
    server = FakeApiServer()
    server.token = "other"
    with pytest.raises(errors.UnauthorizedError):
        await client_of(server, auth=Tokens("a", "b", "c")).get("/api/v1/pods")
    assert len(server.calls) == 2


@in_virtual_time
async def test_guard_stops_every_write_and_no_read() -> None:
    server = FakeApiServer()
    client, _ = await with_claim(server)
    fence = Fence.always_open()
    guarded = client.guarded(fence)
    await guarded.patch(PATH, {"metadata": {"labels": {"a": "b"}}})
    fence.end()
    before = len(server.calls)
    writes = [
        guarded.post(CLAIM.path("default"), {}),
        guarded.put(PATH, {}),
        guarded.patch(PATH, {}),
        guarded.delete(PATH),
    ]
    for write in writes:
        with pytest.raises(errors.NotLeaderError):
            await write
    assert len(server.calls) == before
    await guarded.get(PATH)
    await client.patch(PATH, {"metadata": {"labels": {"a": "c"}}})


@in_virtual_time
async def test_guard_is_asked_again_when_a_write_is_repeated_with_a_new_token() -> None:
    server = FakeApiServer()
    server.token = "new"

    class ClosesAfterOne(Fence):
        def check(self) -> None:
            super().check()
            self.end()

    fence = ClosesAfterOne.always_open()
    with pytest.raises(errors.NotLeaderError):
        await client_of(server, auth=Tokens("old", "new")).guarded(fence).patch(PATH, {})
    assert len(server.calls) == 1


CHUNKINGS = [1, 2, 7, 10_000]


@pytest.mark.parametrize("size", CHUNKINGS)
def test_watch_events_are_whole_however_the_bytes_arrive(size: int) -> None:
    text = '{"type":"ADDED","object":{"n":1}}\n\n{"type":"ADDED","object":{"s":"é"}}\n'.encode()

    class Chunks(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            for start in range(0, len(text), size):
                yield text[start : start + size]

    transport = httpx.MockTransport(lambda _request: httpx.Response(200, stream=Chunks()))

    async def scenario() -> None:
        client = ApiClient("http://fake", transport)
        events = [event["object"] async for event in client.watch("/api/v1/pods")]
        assert events == [{"n": 1}, {"s": "é"}]

    run(scenario())


@in_virtual_time
async def test_stream_that_ends_inside_an_event_is_no_clean_end() -> None:
    text = b'{"type":"ADDED","object":{"n":1}}\n{"type":"ADDED","obj'
    client = ApiClient("http://fake", httpx.MockTransport(lambda _request: httpx.Response(200, content=text)))
    stream = client.watch("/api/v1/pods")
    assert (await anext(stream))["object"] == {"n": 1}
    with pytest.raises(errors.ConnectionFailedError, match="ended inside an event"):
        await anext(stream)


@in_virtual_time
async def test_list_all_reads_every_page_and_adds_version_and_kind() -> None:
    server = FakeApiServer()
    for number in range(5):
        server.put("v1", "pods", {"metadata": {"name": f"p{number}", "namespace": "default"}})
    objects, version = await client_of(server).list_all(POD.path(), limit=2)
    assert [obj["metadata"]["name"] for obj in objects] == ["p0", "p1", "p2", "p3", "p4"]
    assert {(obj["apiVersion"], obj["kind"]) for obj in objects} == {("v1", "Pod")}
    assert version == str(server.store.version)
    assert [call.query for call in server.calls] == [
        {"limit": "2"},
        {"limit": "2", "continue": f"{version}-2"},
        {"limit": "2", "continue": f"{version}-4"},
    ]


@in_virtual_time
@pytest.mark.parametrize(
    ("what", "letters", "pages"),
    [
        ("small objects", 10, [16, 500, 84]),
        ("large ones", 100_000, [16] + [20] * 29 + [4]),
        ("each larger than a page", 3_000_000, [16, *[1] * 4]),
    ],
)
async def test_a_page_of_a_list_has_fewer_objects_if_they_are_large(
    what: str, letters: int, pages: list[int]
) -> None:
    server = FakeApiServer()
    for number in range(sum(pages)):
        about = {"name": f"p{number:04}", "namespace": "default", "annotations": {"a": "x" * letters}}
        server.put("v1", "pods", {"metadata": about})
    objects, _ = await client_of(server).list_all(POD.path())
    assert len(objects) == sum(pages), what
    starts = [int(call.query.get("continue", "0-0").partition("-")[2]) for call in server.calls]
    ends = [*starts[1:], len(objects)]
    assert [end - start for start, end in zip(starts, ends, strict=True)] == pages, what


@in_virtual_time
async def test_path_before_the_api_is_kept() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={})

    client = ApiClient("https://host/k8s/clusters/c-1/", httpx.MockTransport(answer))
    await client.get("/api/v1/pods", {"limit": "1", "fieldSelector": "spec.nodeName=a b"})
    assert seen == ["https://host/k8s/clusters/c-1/api/v1/pods?limit=1&fieldSelector=spec.nodeName%3Da+b"]


BAD_NAMES = [".", "..", "../../../api/v1/secrets", "a/b", "a%2fb", "a?x=1", "a#b", "a b", "a\nb", "ä"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_name_that_would_lead_to_another_path_is_refused(name: str) -> None:
    for arguments in ({"namespace": name}, {"namespace": "default", "name": name}):
        with pytest.raises(ValueError, match="not a name"):
            POD.path(**arguments)


def test_paths_follow_group_and_scope() -> None:
    assert POD.path() == "/api/v1/pods"
    assert POD.path("d", "p", "binding") == "/api/v1/namespaces/d/pods/p/binding"
    assert CLAIM.path("d", "c", "status") == "/apis/resource.k8s.io/v1/namespaces/d/resourceclaims/c/status"


@in_virtual_time
async def test_binding_is_done_once() -> None:
    server = FakeApiServer()
    server.put("v1", "pods", {"metadata": {"name": "p", "namespace": "d"}, "spec": {}})
    client = client_of(server)
    binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
    await client.post(POD.path("d", "p", "binding"), binding)
    assert (await client.get(POD.path("d", "p")))["spec"]["nodeName"] == "n1"
    with pytest.raises(errors.ConflictError, match="already assigned"):
        await client.post(POD.path("d", "p", "binding"), binding)


@in_virtual_time
async def test_abandoned_watch_closes_its_stream() -> None:
    server = FakeApiServer()
    server.put("v1", "pods", {"metadata": {"name": "p", "namespace": "d"}})
    stream = client_of(server).watch(POD.path())
    assert (await anext(stream))["type"] == "ADDED"
    assert server.open_watches == 1
    await stream.aclose()
    assert server.open_watches == 0


def test_fake_keeps_calls_apart() -> None:
    assert Call("GET", "/x", {"watch": "true"}, {}).is_watch
    assert not Call("GET", "/x", {}, {}).is_watch
