"""Users who create and delete Pods all the time, whatever the API server says."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from app.core.json_object import JsonObject
from harness import objects
from harness.api import PASSING, Api, ApiError

# Also where ten programs share two slow cores; only a Pod that nobody takes away waits so long.
INSIST_SECONDS = 300


class Writers:
    """Each writer keeps some of the Pods, deletes one of them now and then, and makes it anew.

    Args:
        names: of all Pods, dealt out to the writers.
        template: the ResourceClaimTemplate that each Pod's claim is made from.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        names: list[str],
        *,
        writers: int,
        scheduler: str,
        template: str,
        seed: int,
        deleting: bool = True,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._scheduler = scheduler
        self._template = template
        self._enough = threading.Event()
        self._deleting = deleting
        self.deleted = 0
        self.died: list[Exception] = []
        self._threads = [
            threading.Thread(target=self._keep, args=(names[place::writers], f"{seed}-{place}"), daemon=True)
            for place in range(writers)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def settle(self) -> None:
        """Ends the deleting; returns when every Pod is there."""
        self._enough.set()
        for thread in self._threads:
            thread.join(INSIST_SECONDS + 60)
        assert not any(thread.is_alive() for thread in self._threads), "writers are still at work"
        assert self.died == [], f"writers died of {self.died}"

    def _keep(self, names: list[str], seed: str) -> None:
        chance = random.Random(seed)  # noqa: S311 - no secret
        try:
            for name in names:
                self._create(name)
            while self._deleting and not self._enough.wait(chance.uniform(1.0, 5.0)):
                name = chance.choice(names)
                self._delete(name, grace=chance.choice((0, 1)))
                self._create(name)
        except Exception as error:  # noqa: BLE001 - for the test to see
            self.died.append(error)

    def _create(self, name: str) -> None:
        body = objects.pod(name, self._scheduler)
        body["spec"]["containers"][0]["resources"] = {"claims": [{"name": "device"}]}
        body["spec"]["resourceClaims"] = [{"name": "device", "resourceClaimTemplateName": self._template}]
        self._insist(lambda: self._created(name, body))

    def _created(self, name: str, body: JsonObject) -> bool:
        """A name that is taken is by the Pod that goes, or by this one where an answer was lost."""
        try:
            self._api.create(body, self._namespace)
        except ApiError as error:
            if error.code != httpx.codes.CONFLICT:
                raise
            old = self._api.find("Pod", name, self._namespace)
            return old is not None and "deletionTimestamp" not in old["metadata"]
        return True

    def _delete(self, name: str, *, grace: int) -> None:
        old = self._insist(lambda: self._api.find("Pod", name, self._namespace) or {"gone": True})
        if "gone" in old:
            return
        self.deleted += 1
        self._insist(lambda: self._api.delete("Pod", name, self._namespace, grace=grace) or True)
        uid = old["metadata"]["uid"]

        def gone() -> bool:
            now = self._api.find("Pod", name, self._namespace)
            return now is None or now["metadata"]["uid"] != uid

        self._insist(gone)

    @staticmethod
    def _insist(act: Callable[[], Any]) -> Any:
        """Until it is done."""
        deadline = time.monotonic() + INSIST_SECONDS
        while True:
            last: object = "it says it has not"
            try:
                if done := act():
                    return done
            except httpx.TransportError as error:
                last = error  # the test has killed the API server
            except ApiError as error:
                if error.code not in PASSING:
                    raise
                last = error
            if time.monotonic() > deadline:
                raise TimeoutError(f"the API server has not done it in {INSIST_SECONDS} s: {last}")
            time.sleep(0.1)
