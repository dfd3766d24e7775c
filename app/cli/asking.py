"""Calls a running service, or one in this process that lives as long as the command.

Both use the same HTTP interface, so that they return the same results.
"""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import httpx
import orjson

from app.cli.problems import CliError, InputError, UnreachableError
from app.cli.source import Source
from app.cli.talk import progress
from app.core.json_object import JsonObject

T = TypeVar("T")

TOKEN_VARIABLE = "DRA_EXTENDER_TOKEN"  # noqa: S105 - a name
CA_VARIABLE = "DRA_EXTENDER_CA"
_TIMEOUT_SECONDS = 300.0  # enough for a large dry run; connecting has a shorter limit
_CONNECT_SECONDS = 5.0
PAGE_SIZE = 5000
"""The most items that the API returns at once."""
_LINES = "application/x-ndjson"
_PREFERS_LINES = {"Accept": f"{_LINES}, application/json;q=0.5"}
_FIELD = re.compile(r"(?P<field>(?:query\.)?\w+)(?:\[\d+\])?\.?(?P<rest>.*)")
_FLAGS = {
    "drain": "--drain",
    "nodes": "--node",
    "shapes": "--like",
    "taints": "--taint",
    "addNodes": "--add-nodes",
    "remove": "--remove",
    "policy": "--policy",
    "features": "--feature",
    "kubernetesVersion": "--kubernetes-version",
    "query.selector": "--selector",
    "query.attribute": "--attribute",
    "query.labelSelector": "-l",
    "query.by": "--by",
}
"""Flags by the request field that they set."""


class Asker:
    """A client of one service."""

    def __init__(self, client: httpx.AsyncClient, name: str) -> None:
        self._client = client
        self._name = name

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """Sends a POST. Raises: CliError."""
        return await self._ask("POST", path, json=body)

    async def get(self, path: str, **params: str | list[str]) -> JsonObject:
        """Sends a GET. Raises: CliError."""
        return await self._ask("GET", path, params=params)

    async def items(self, path: str, **params: str | list[str]) -> list[JsonObject]:
        """Reads all items of a list: as lines, which are of one inventory, or else page by page.

        Raises: CliError.
        """
        found: list[JsonObject] = []
        page = await self._lines(path, found.append, params)
        params.setdefault("limit", str(PAGE_SIZE))
        while True:
            found += page.get("items") or ()
            if not page.get("next"):
                return found
            params["cursor"] = str(page["next"])
            page = await self.get(path, **params)

    async def _lines(
        self, path: str, receive: Callable[[JsonObject], object], params: dict[str, str | list[str]]
    ) -> JsonObject:
        """Calls ``receive`` with each line of an answer but the last, as it comes.

        Returns what the last line has, or the whole answer of a service that sends no lines.

        Raises: CliError: also if the answer ends too early.
        """
        with self._explained():
            async with self._client.stream("GET", path, headers=_PREFERS_LINES, params=params) as response:
                if not response.headers.get("content-type", "").startswith(_LINES):
                    await response.aread()
                    return self._answer(path, response)
                async for content in _lines_of(response):
                    if content.keys() == {"end"}:
                        return dict(content["end"])
                    if content.keys() == {"error"}:
                        raise self._refusal(path, response, content)
                    receive(content)
        raise UnreachableError(f"{self._name} did not finish its answer", "try again")

    async def _ask(self, method: str, path: str, **request: Any) -> JsonObject:
        with self._explained():
            response = await self._client.request(method, path, **request)
        return self._answer(path, response)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Explains what is wrong with a connection, and what helps. Raises: CliError."""
        try:
            yield
        except httpx.InvalidURL as error:
            raise InputError(f"{self._name} is not a valid URL: {error}") from None
        except httpx.UnsupportedProtocol:
            raise InputError(
                f"{self._name} is not a valid URL", "use a URL such as http://127.0.0.1:8888"
            ) from None
        except httpx.ConnectError as error:
            if "certificate" in str(error):
                text = f"{self._name} has an untrusted certificate: {error}"
                hint = f"set {CA_VARIABLE} to the file with its CA"
                if "mismatch" in text:
                    hint = "use a host name that its certificate contains"
                raise UnreachableError(text, hint) from None
            if "SSL" in str(error):
                raise UnreachableError(f"{self._name} does not use TLS: {error}", "try http://") from None
            hint = "is `dra-extender serve` running there?"
            raise UnreachableError(f"cannot connect to {self._name}", hint) from None
        except httpx.RemoteProtocolError as error:
            hint = "" if self._name.startswith("https:") else "if it uses TLS, write https://"
            raise UnreachableError(f"no response from {self._name}: {str(error).rstrip('.')}", hint) from None
        except httpx.HTTPError as error:
            text = str(error) or type(error).__name__
            raise UnreachableError(f"no response from {self._name}: {text}") from None

    def _answer(self, path: str, response: httpx.Response) -> JsonObject:
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if response.is_success and isinstance(answer, dict):
            return answer
        raise self._refusal(path, response, answer if isinstance(answer, dict) else {})

    def _refusal(self, path: str, response: httpx.Response, answer: JsonObject) -> CliError:
        if answer.get("kind") == "Status":
            # The API server's own, from a proxied request.
            return UnreachableError(
                str(answer.get("message") or self._name), "you need `get` on services/proxy"
            )
        error = answer.get("error")
        error = error if isinstance(error, dict) else {}
        message = str(error.get("message") or f"{self._name}{path} returned status {response.status_code}")
        if error.get("path"):
            message = f"{_blamed(str(error['path']), message)}: {message}"
        if response.status_code in (400, 404, 409, 413, 422) and error:
            return InputError(message)
        if response.status_code == 401 and error:
            return UnreachableError(message, f"set {TOKEN_VARIABLE} to a bearer token")
        if not error and (response.is_success or response.status_code == 404):
            return UnreachableError(f"{self._name} is not a dra-extender", "check the URL")
        return UnreachableError(message)


def _blamed(path: str, message: str) -> str:
    """The flag that set a field of the request, or the field."""
    found = _FIELD.match(path)
    if found is None or found["field"] not in _FLAGS:
        return path
    flag = _FLAGS[found["field"]]
    if flag == "--remove" and message.startswith("ResourceClaim "):
        flag = "--remove or --remove-claim"
    return ", ".join(filter(None, (flag, found["rest"])))


def ask(source: Source, evaluation: Callable[[Asker], Awaitable[T]]) -> T:
    """Calls the source. Raises: CliError."""

    async def call() -> T:
        async with _ticking(), _asker(source) as asker:
            return await evaluation(asker)

    return asyncio.run(call())


async def _lines_of(response: httpx.Response) -> AsyncIterator[JsonObject]:
    """The objects of the lines, each once its line is complete. Leaves out a last one that is cut off."""
    parts: list[bytes] = []
    async for piece in response.aiter_bytes():
        *whole, rest = piece.split(b"\n")
        for text in whole:
            yield orjson.loads(b"".join([*parts, text]))
            parts.clear()
        parts.append(rest)


def _credentials(token: str) -> dict[str, Any]:
    """Credentials for a service that requires authentication.

    Without a token from the flags they come from the environment, since other users can see flags.

    Raises: InputError.
    """
    given: dict[str, Any] = {}
    if token := token or os.environ.get(TOKEN_VARIABLE, "").strip():
        given["headers"] = {"Authorization": f"Bearer {token}"}
    if authority := os.environ.get(CA_VARIABLE, ""):
        try:
            given["verify"] = ssl.create_default_context(cafile=authority)
        except OSError as error:
            raise InputError(f"{CA_VARIABLE}={authority}: {error.strerror or error}") from None
    return given


@asynccontextmanager
async def _ticking() -> AsyncGenerator[None, None]:
    """Shows on a terminal that a long request is still running, and for how long."""

    async def tick() -> None:
        seconds = 0
        while True:
            await asyncio.sleep(1)
            seconds += 1
            progress(f"waiting for the response, {seconds} s")

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        progress("")


@asynccontextmanager
async def _asker(source: Source) -> AsyncGenerator[Asker, None]:
    given = source.timeout_seconds
    seconds = _TIMEOUT_SECONDS if given is None else given or None
    timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
    if source.proxied:
        from app.cli.proxied import proxied_client  # noqa: PLC0415 - what only a cluster needs

        async with proxied_client(source, timeout) as client:
            yield Asker(client, f"{client.base_url}".rstrip("/"))
        return
    if source.server:
        url = source.server if "://" in source.server else f"http://{source.server}"
        credentials = _credentials(source.overrides.token)
        async with httpx.AsyncClient(base_url=url, timeout=timeout, **credentials) as client:
            yield Asker(client, url)
        return
    from app.cli.embedded import embedded_app  # noqa: PLC0415 - FastAPI is not needed to call a server

    async with embedded_app(source) as application:
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", timeout=timeout
        ) as client:
            yield Asker(client, "the service in this process")
