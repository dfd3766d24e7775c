"""Which claim held which device, at every moment."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from harness.wait import until

# Where the API server keeps claims, and a key behind them that only this module writes.
FIRST_KEY = b"/registry/resourceclaims/"
MARK_KEY = b"/registry/resourceclaims~mark"
END_KEY = b"/registry/resourceclaims~~"

Device = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class DoubleHold:
    """One device in the allocations of two claims."""

    revision: int
    device: Device
    claims: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """A claim as it was from `revision` on; no devices: not allocated, or gone."""

    revision: int
    claim: str
    devices: frozenset[Device]
    reserved_for: tuple[str, ...]


class HoldWatcher:
    """Reads every change of every ResourceClaim, and remembers devices that two claims held at once.

    It watches etcd, not the API server: there each write is kept with its revision, so it misses nothing when
    the test kills the API server, whose own watch cache starts anew and may not know what happened meanwhile.
    """

    def __init__(self, etcd_url: str) -> None:
        self._http = httpx.Client(base_url=etcd_url, timeout=httpx.Timeout(10, read=None), trust_env=False)
        self._revision = 0
        self._stopping = False
        self._held: dict[str, frozenset[Device]] = {}
        self.changes: list[Change] = []
        self.double_holds: list[DoubleHold] = []
        self._thread = threading.Thread(target=self._run, name="holds", daemon=True)

    def start(self) -> None:
        """Begins with the claims that are there now."""
        now = self._call("/v3/kv/range", key=_text(FIRST_KEY), range_end=_text(END_KEY))
        self._revision = int(now["header"]["revision"])
        for entry in now.get("kvs", ()):
            self._take(entry, int(entry["mod_revision"]))
        self._thread.start()

    def catch_up(self) -> None:
        """Returns when every change made before this call has been seen."""
        written = int(self._call("/v3/kv/put", key=_text(MARK_KEY), value="")["header"]["revision"])
        until(lambda: self._revision >= written, f"the watch of claims is at revision {written}")

    def stop(self) -> None:
        self._stopping = True
        try:
            self._call("/v3/kv/put", key=_text(MARK_KEY), value="")  # wakes the thread
            self._thread.join(10)
        finally:
            self._http.close()

    def history(self, claim: str) -> list[Change]:
        """All that was seen of the claim `namespace/name`, in order."""
        return [change for change in self.changes if change.claim == claim]

    def _run(self) -> None:
        while not self._stopping:
            try:
                for event in self._events():
                    self._take(
                        event["kv"], int(event["kv"]["mod_revision"]), gone=event.get("type") == "DELETE"
                    )
                    if self._stopping:
                        return
            except httpx.TransportError:
                continue  # etcd restarts; all it has written since is still there to read

    def _events(self) -> Iterator[dict[str, Any]]:
        wanted = {"key": _text(FIRST_KEY), "range_end": _text(END_KEY), "start_revision": self._revision + 1}
        with self._http.stream("POST", "/v3/watch", json={"create_request": wanted}) as response:
            for line in response.iter_lines():
                yield from json.loads(line)["result"].get("events", ())

    def _take(self, entry: dict[str, Any], revision: int, *, gone: bool = False) -> None:
        name = base64.b64decode(entry["key"]).removeprefix(FIRST_KEY).decode()
        if name != MARK_KEY.decode():
            status = {} if gone else json.loads(base64.b64decode(entry["value"])).get("status", {})
            self._record(revision, name, status)
        self._revision = max(self._revision, revision)

    def _record(self, revision: int, claim: str, status: dict[str, Any]) -> None:
        devices = held_devices(status)
        users = tuple(user["name"] for user in status.get("reservedFor", ()))
        self.changes.append(Change(revision, claim, devices, users))
        self._held[claim] = devices
        for other, theirs in self._held.items():
            if other != claim:
                self.double_holds += [
                    DoubleHold(revision, d, (other, claim)) for d in sorted(devices & theirs)
                ]

    def _call(self, path: str, **body: Any) -> dict[str, Any]:
        response = self._http.post(path, json=body, timeout=10)
        response.raise_for_status()
        return response.json()


def held_devices(status: dict[str, Any]) -> frozenset[Device]:
    """The devices that a claim's status keeps for itself alone.

    Not those it shares by design: shareID is set for a part of a device, adminAccess for a look at it.
    """
    results = (status.get("allocation") or {}).get("devices", {}).get("results", ())
    return frozenset(
        (r["driver"], r["pool"], r["device"])
        for r in results
        if not r.get("shareID") and not r.get("adminAccess")
    )


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()
