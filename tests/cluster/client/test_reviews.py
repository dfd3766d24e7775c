"""What is asked of the API server about a token, and for how long its answer counts."""

import asyncio
from typing import Any

import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.reviews import (
    KEPT_SECONDS,
    MAX_KEPT,
    MAX_UNDER_WAY,
    AccessAttributes,
    BusyError,
    TokenReviewer,
)

NODES = AccessAttributes("get", "dra-extender", "nodes")
USER = {"username": "jane", "uid": "7", "groups": ["dev"], "extra": {"scopes": ["x"]}}


class Api(ApiClient):
    """Answers reviews; ``users`` by token."""

    def __init__(
        self, users: dict[str, Any], *, allowed: bool = True, audiences: list[str] | None = None
    ) -> None:
        self.users = users
        self.allowed = allowed
        self.audiences = audiences
        self.asked: list[dict[str, Any]] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def post(self, path: str, body: dict[str, Any], _params: Any = None) -> dict[str, Any]:
        self.asked.append(body)
        await self.hold.wait()
        spec = body["spec"]
        if path == "/apis/authentication.k8s.io/v1/tokenreviews":
            user = self.users.get(spec["token"])
            status = {"authenticated": user is not None, "user": user or {}}
            if self.audiences is not None:
                status["audiences"] = self.audiences
            return {"status": status}
        assert path == "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return {"status": {"allowed": self.allowed}}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def decide(api: Api, access: AccessAttributes = NODES, **more: Any) -> tuple[str | None, bool]:
    decision = asyncio.run(TokenReviewer(api, Clock(), **more).decide("t", access))
    return decision.user, decision.allowed


def test_the_whole_user_is_asked_about() -> None:
    api = Api({"t": USER})
    assert decide(api, access=AccessAttributes("get", "dra-extender", "pods", "explain", "ns", "p")) == (
        "jane",
        True,
    )
    assert api.asked[0]["spec"] == {"token": "t"}
    assert api.asked[1]["spec"] == {
        "user": "jane",
        "uid": "7",
        "groups": ["dev"],
        "extra": {"scopes": ["x"]},
        "resourceAttributes": {
            "verb": "get",
            "group": "dra-extender",
            "resource": "pods",
            "subresource": "explain",
            "namespace": "ns",
            "name": "p",
        },
    }


def test_a_path_is_asked_about_as_a_path() -> None:
    api = Api({"t": USER})
    decide(api, access=AccessAttributes("get", path="/metrics"))
    assert api.asked[1]["spec"]["nonResourceAttributes"] == {"path": "/metrics", "verb": "get"}


def test_nobody_is_asked_about_no_further() -> None:
    api = Api({})
    assert decide(api) == (None, False)
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("answered", "user"),
    [(["extender"], "jane"), (["other"], None), ([], None), (None, None)],
    ids=["ours", "another", "none", "not said"],
)
def test_a_token_for_another_audience_is_nobodys(answered: list[str] | None, user: str | None) -> None:
    api = Api({"t": USER}, audiences=answered)
    assert decide(api, audiences=("extender",))[0] == user
    assert api.asked[0]["spec"]["audiences"] == ["extender"]


def test_answers_count_for_seconds() -> None:
    async def evaluation() -> None:
        api, clock = Api({"t": USER}), Clock()
        reviewer = TokenReviewer(api, clock)
        for _ in range(5):
            assert (await reviewer.decide("t", NODES)).allowed
        assert len(api.asked) == 2
        await reviewer.decide("t", AccessAttributes("create", "dra-extender", "placements"))
        assert len(api.asked) == 3, "whose the token is was known"
        api.allowed = False
        clock.now += KEPT_SECONDS + 1
        assert not (await reviewer.decide("t", NODES)).allowed
        api.users.clear()
        clock.now += KEPT_SECONDS + 1
        assert (await reviewer.decide("t", NODES)).user is None

    asyncio.run(evaluation())


def test_guessing_is_no_load_on_the_api_server_and_takes_no_memory() -> None:
    async def evaluation() -> None:
        api = Api({})
        reviewer = TokenReviewer(api, Clock())
        api.hold.clear()
        guesses = [asyncio.create_task(reviewer.decide(f"guess-{index}", NODES)) for index in range(100)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(api.asked) == MAX_UNDER_WAY
        api.hold.set()
        results = await asyncio.gather(*guesses, return_exceptions=True)
        assert sum(isinstance(result, BusyError) for result in results) == 100 - MAX_UNDER_WAY
        for index in range(MAX_KEPT + 10):
            await reviewer.decide(f"more-{index}", NODES)
        assert len(reviewer._kept) == len(reviewer._users) == MAX_KEPT
        assert "more-" not in repr(reviewer._kept)

    asyncio.run(evaluation())
