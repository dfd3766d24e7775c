"""What must hold at every write, and what must hold when everything has come to rest."""

from collections.abc import Iterator

from app.core.json_object import JsonObject
from app.core.state.double_allocations import double_allocations
from app.core.state.state import State
from tests.cluster.fake_store import Change, Place, Store

FOREIGN = "foreign-"
"""Begins the names of what another allocator makes."""
CLAIMS = ("resource.k8s.io", "resourceclaims")
PODS = ("", "pods")


class Watchdog:
    """Looks at every change of the store; `broken` are the rules that did not hold."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = 0
        self.holders: dict[tuple[str, str], str] = {}
        self.foreign: dict[tuple[str, str], str] = {}
        self.clashes = 0
        self.broken: list[str] = []
        store.listeners.append(self._look)

    def restored(self) -> None:
        """The store is an earlier one again: what was seen since has not happened."""
        self._seen = len(self._store.history)
        self.holders.clear()
        self.foreign.clear()
        for claim in self._store.select(CLAIMS):
            name = claim["metadata"]["name"]
            own = self.foreign if name.startswith(FOREIGN) else self.holders
            own.update(dict.fromkeys(devices(claim), name))

    def taken(self) -> set[tuple[str, str]]:
        """The devices that any claim holds."""
        return self.holders.keys() | self.foreign.keys()

    def sent(self, state: State, pod: str) -> None:
        """To be called when a binding leaves: nothing may be known then of another claim on its devices."""
        body = find(self._store, PODS, pod)
        for entry in body["spec"].get("resourceClaims", ()) if body is not None else ():
            claim = state.claim(("default", entry["resourceClaimName"]))
            if claim is None or claim.allocation is None or len(claim.reserved_for) > 1:
                continue
            for rival in double_allocations(state.taken, claim.meta.key, claim.allocation):
                self.broken.append(f"{pod} is bound, though {rival.claim[1]} is known to hold {rival.device}")

    def _look(self) -> None:
        for change in self._store.history[self._seen :]:
            if change.place.collection == CLAIMS:
                self._hold(change)
                self._used(change.place.name)
            elif change.place.collection == PODS:
                self._bound(change)
        self._seen = len(self._store.history)

    def _hold(self, change: Change) -> None:
        name = change.place.name
        # Nobody can keep another allocator from taking a device: only this one must not give it twice itself.
        own, others = (
            (self.foreign, self.holders) if name.startswith(FOREIGN) else (self.holders, self.foreign)
        )
        for key in [key for key, holder in own.items() if holder == name]:
            del own[key]
        for key in () if change.type == "DELETED" else devices(change.object):
            if key in own and own is self.holders:
                text = f"{'/'.join(key)} is held by {own[key]} and {name} at {change.version}"
                self.broken.append(text)
            self.clashes += key in others
            own[key] = name

    def _used(self, name: str) -> None:
        """A claim has changed: the Pods that run with it must have its devices still."""
        for raw in self._store.select(PODS):
            if any(entry["resourceClaimName"] == name for entry in raw["spec"].get("resourceClaims", ())):
                self._check(raw)

    def _bound(self, change: Change) -> None:
        if change.type != "DELETED":
            self._check(change.object)

    def _check(self, raw: JsonObject) -> None:
        node = raw["spec"].get("nodeName")
        if not node or raw["metadata"].get("deletionTimestamp"):
            return
        for entry in raw["spec"].get("resourceClaims", ()):
            claim = find(self._store, CLAIMS, entry["resourceClaimName"])
            if not any(held == node for held, _ in devices(claim or {})):
                self.broken.append(f"{raw['metadata']['name']} is bound without devices of {entry['name']}")
            elif raw["metadata"]["uid"] not in users(claim or {}):
                self.broken.append(f"{raw['metadata']['name']} is bound, {entry['name']} not reserved for it")


def unrest(store: Store, nodes: int, per_node: int) -> Iterator[str]:
    """What is not as it must be in the end."""
    pods = {pod["metadata"]["uid"]: pod for pod in store.select(PODS)}
    free = dict.fromkeys((f"n{number}" for number in range(nodes)), per_node)
    for claim in store.select(CLAIMS):
        name, reserved, held = claim["metadata"]["name"], users(claim), devices(claim)
        for node, _ in held:
            free[node] -= 1
        if held and not reserved:
            yield f"claim {name} holds devices for nobody"
        if any(uid not in pods for uid in reserved):
            yield f"claim {name} is reserved for a Pod that is gone"
        if claim["metadata"].get("deletionTimestamp"):
            yield f"claim {name} is not gone"
    for pod in pods.values():
        missing = [entry for entry in pod["spec"].get("resourceClaims", ()) if not _held(store, entry)]
        whole = len(missing) == len(pod["spec"].get("resourceClaims", ()))
        if pod["metadata"].get("deletionTimestamp"):
            yield f"Pod {pod['metadata']['name']} is not gone"
        elif not pod["spec"].get("nodeName") and (
            not missing or (whole and max(free.values()) >= len(missing))
        ):
            yield f"Pod {pod['metadata']['name']} is not bound, though it fits"


def mistaken(store: Store, state: State) -> Iterator[str]:
    """What a replica believes of claims, devices and users that is not so; and devices free for no claim.

    Users count like devices: a bind that finds its claim reserved for its Pod does not write the claim.
    """
    in_store = {(claim["metadata"]["name"], uid) for claim in store.select(CLAIMS) for uid in users(claim)}
    believed = {(claim.meta.name, user.uid) for claim in state.claims() for user in claim.reserved_for}
    for name, uid in sorted(in_store ^ believed):
        yield f"{name} counts as {'not ' if (name, uid) in in_store else ''}reserved for {uid}"
    held = {(claim["metadata"]["name"], *key) for claim in store.select(CLAIMS) for key in devices(claim)}
    known = {
        (claim.meta.name, item.device.pool, item.device.device)
        for claim in state.claims()
        for item in (claim.allocation.devices if claim.allocation is not None else ())
    }
    for entry in sorted(held ^ known):
        yield f"{' '.join(entry)} counts as {'free' if entry in held else 'held'}"
    taken = {(pool.pool, name) for pool, taken in state.taken.items() for name in taken.whole}
    for pool, name in sorted(taken ^ {entry[1:] for entry in known}):
        yield f"{pool}/{name} counts as {'taken' if (pool, name) in taken else 'free'}"


def devices(claim: JsonObject) -> list[tuple[str, str]]:
    """Pool (its node's name) and device."""
    allocation = (claim.get("status") or {}).get("allocation") or {}
    return [(item["pool"], item["device"]) for item in allocation.get("devices", {}).get("results", ())]


def users(claim: JsonObject) -> list[str]:
    """The UIDs of the Pods that the claim is reserved for."""
    return [user["uid"] for user in (claim.get("status") or {}).get("reservedFor", ())]


def find(store: Store, collection: tuple[str, str], name: str) -> JsonObject | None:
    place = Place(*collection, "default", name)
    return store._objects.get(place)


def _held(store: Store, entry: JsonObject) -> bool:
    return bool(devices(find(store, CLAIMS, entry["resourceClaimName"]) or {}))
