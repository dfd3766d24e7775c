"""Random nodes, slices and devices: the supply side of a case."""

import random

from app.core.json_object import JsonObject

DRIVERS = ("gpu.example.com", "nic.example.com")
MODELS = ("a100", "h100", "t4")
GROUPS = ("alpha", "beta", "gamma")
COUNTERS = ("slots", "mem")
TAINTS = tuple(
    {"key": key, "value": value, "effect": effect}
    for key in ("ecc", "maintenance")
    for value in ("a", "b")
    for effect in ("NoSchedule", "NoExecute", "None")
)
POLICIES: tuple[JsonObject | None, ...] = (
    None,
    {"default": "1Gi", "validRange": {"min": "1Gi", "step": "1Gi"}},
    {"default": "2Gi", "validRange": {"min": "2Gi", "max": "8Gi", "step": "2Gi"}},
    {"default": "4Gi", "validValues": ["2Gi", "4Gi", "8Gi"]},
    {"default": "1Gi", "validRange": {"min": "1Gi", "max": "6Gi"}},
    {"validRange": {"min": "500m", "max": "10Gi", "step": "250m"}},
    {"default": "1Gi"},
)


class Supply:
    """Nodes and slices. What a case is about is rolled once, so that features meet in one case."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.style = rng.choice(("uniform", "ragged", "ragged", "unique"))
        self.counters = rng.random() < 0.3
        self.groups = self.counters and rng.random() < 0.3
        self.consumable = rng.random() < 0.3
        self.taints = rng.random() < 0.3
        self.binding = rng.random() < 0.15
        self.lists = rng.random() < 0.15
        self.skips = rng.random() < 0.1
        self.messy = rng.random() < 0.25
        self.size = rng.choice((2, 4, 8, 8, 12))
        self.load = rng.choice((0.0, 0.1, 0.2, 0.5))
        # Few devices that many requests compete for: the search has to turn back, and may prune.
        self.crowded = rng.random() < 0.3
        if self.crowded:
            self.style, self.size, self.load, self.messy = "ragged", rng.choice((5, 7, 9)), 0.05, False
        nodes, drivers = (1, 1) if self.crowded else (rng.randint(1, 3), rng.randint(1, 2))
        self.nodes = [self._node(f"n{number}") for number in range(1, nodes + 1)]
        self.slices: list[JsonObject] = []
        for driver in DRIVERS[:drivers]:
            self._pools(driver)
        rng.shuffle(self.slices)

    def devices(self) -> list[tuple[str, str, JsonObject]]:
        """Driver, pool and device, for all that is published."""
        return [
            (item["spec"]["driver"], item["spec"]["pool"]["name"], device)
            for item in self.slices
            for device in item["spec"].get("devices", ())
        ]

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def _node(self, name: str) -> JsonObject:
        labels = {"kubernetes.io/hostname": name, "zone": self.rng.choice(("z0", "z1"))}
        node: JsonObject = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        if self._chance(0.5):
            node["status"] = {"declaredFeatures": ["DRAOptionalNodeOperations"]}
        return node

    def _pools(self, driver: str) -> None:
        kind = self.rng.choice(("node", "node", "node", "all", "selector", "device"))
        if kind == "node":
            for node in self.nodes:
                name = node["metadata"]["name"]
                self._pool(driver, name, {"nodeName": name})
        elif kind == "all":
            self._pool(driver, "net", {"allNodes": True})
        elif kind == "selector":
            for zone in ("z0", "z1"):
                self._pool(driver, zone, {"nodeSelector": self._selector(zone)})
        else:
            self._pool(driver, "mixed", {"perDeviceNodeSelection": True})

    def _selector(self, zone: str) -> JsonObject:
        terms = [{"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]}]
        if self.messy and self._chance(0.1):
            terms.append({"matchExpressions": [{"key": "rack", "operator": "Exists"}]})
        if self.messy and self._chance(0.03):
            terms[0]["matchExpressions"][0]["operator"] = "Near"
        return {"nodeSelectorTerms": terms}

    def _pool(self, driver: str, pool: str, reach: JsonObject) -> None:
        generation = self.rng.randint(1, 3)
        bodies: list[JsonObject] = []
        if self.counters:
            bodies.append({"sharedCounters": [self._counter_set(number) for number in range(2)]})
        devices = [self._device(number) for number in range(self.rng.randint(self.size // 2, self.size))]
        cut = self.rng.randint(0, len(devices)) if self._chance(0.4) else len(devices)
        bodies += [{"devices": part} for part in (devices[:cut], devices[cut:]) if part]
        if "perDeviceNodeSelection" in reach:
            for device in devices:
                device.update(self._device_reach())
        for number, body in enumerate(bodies):
            self._slice(driver, pool, generation, len(bodies), number, reach | body)
        if self.messy:
            self._mess(driver, pool, generation, reach)

    def _mess(self, driver: str, pool: str, generation: int, reach: JsonObject) -> None:
        """What the API server and well-behaved drivers would not leave behind for long."""
        index = self.rng.random()
        own = [item for item in self.slices if item["spec"]["pool"]["name"] == pool]
        if index < 0.2 and own:
            self.slices.remove(self.rng.choice(own))
        elif index < 0.4:
            self._slice(driver, pool, generation - 1, 1, 7, reach | {"devices": [self._device(0)]})
        elif index < 0.5:
            elsewhere = {"nodeName": self.rng.choice(self.nodes)["metadata"]["name"]}
            self._slice(driver, pool, generation + 1, 1, 8, elsewhere | {"devices": [self._device(0)]})
        elif index < 0.65 and own:
            holder = self.rng.choice(own)["spec"]
            holder["devices"] = [*holder.get("devices", []), self._device(0), self._device(0)]
        elif index < 0.7:
            for item in own:
                for device in item["spec"].get("devices", ()):
                    device["consumesCounters"] = [
                        {"counterSet": "set-9", "counters": {"slots": {"value": "1"}}}
                    ]

    def _slice(
        self, driver: str, pool: str, generation: int, count: int, number: int, body: JsonObject
    ) -> None:
        spec: JsonObject = {
            "driver": driver,
            "pool": {"name": pool, "generation": generation, "resourceSliceCount": count},
        }
        name = f"{pool}-{driver.split('.', maxsplit=1)[0]}-{generation}-{self.rng.randint(10, 99)}-{number}"
        spec |= body
        if self.skips and self._chance(0.5):
            spec["skipNodeOperations"] = ["NodePrepareResources"]
        self.slices.append(
            {
                "apiVersion": "resource.k8s.io/v1",
                "kind": "ResourceSlice",
                "metadata": {"name": name},
                "spec": spec,
            }
        )

    def _counter_set(self, number: int) -> JsonObject:
        return {
            "name": f"set-{number}",
            "counters": {
                "slots": {"value": str(self.rng.randint(1, 6))},
                "mem": {"value": f"{self.rng.choice((10, 20, 40))}Gi"},
            },
        }

    def _device(self, number: int) -> JsonObject:
        device: JsonObject = {"name": f"dev-{number}", "attributes": self._attributes(number)}
        if self._chance(0.7):
            device["capacity"] = {"memory": {"value": self._pick(("10Gi", "20Gi", "40Gi"))}}
        if self.consumable and self._chance(0.7):
            self._make_consumable(device)
        if self.counters and self._chance(0.8):
            device["consumesCounters"] = self._consumption()
        if self.taints and self._chance(0.4):
            device["taints"] = self.rng.sample(TAINTS, self.rng.randint(1, 2))
        if self.binding and self._chance(0.5):
            device["bindingConditions"] = ["example.com/attached"] if self._chance(0.9) else []
            device["bindingFailureConditions"] = ["example.com/failed"]
            if self._chance(0.5):
                device["bindsToNode"] = True
        return device

    def _pick(self, values: tuple[str, ...]) -> str:
        return values[0] if self.style == "uniform" else self.rng.choice(values)

    def _attributes(self, number: int) -> JsonObject:
        attributes: JsonObject = {
            "model": {"string": self._pick(MODELS)},
            "healthy": {"bool": self.style == "uniform" or self._chance(0.7)},
            "version": {"version": self._pick(("1.2.0", "2.0.1", "3.1.0-rc.1"))},
        }
        if self.style == "unique":
            attributes["uuid"] = {"string": f"{number:04x}"}
            attributes["index"] = {"int": number}
        if self.style == "ragged":
            attributes["index"] = {"int": self.rng.randint(0, 3)}
            if self._chance(0.6):
                attributes["numa"] = {"int": self.rng.randint(0, 1)}
            if self._chance(0.3):
                attributes["shared.example.org/group"] = {"string": self.rng.choice("xy")}
        if self.lists and self._chance(0.8):
            attributes["links"] = {"ints": self.rng.sample(range(4), self.rng.randint(1, 2))}
        if self.messy and self._chance(0.02):
            attributes["future"] = {}
        return attributes

    def _make_consumable(self, device: JsonObject) -> None:
        if self._chance(0.85):
            device["allowMultipleAllocations"] = self._chance(0.9)
        policy = self.rng.choice(POLICIES)
        if "capacity" in device and policy is not None:
            device["capacity"]["memory"]["requestPolicy"] = policy
        if self._chance(0.3):
            device.setdefault("capacity", {})["lanes"] = {"value": str(self.rng.randint(1, 4))}
            if self._chance(0.5):
                device["capacity"]["lanes"]["requestPolicy"] = {"default": "1"}

    def _consumption(self) -> list[JsonObject]:
        consumption = []
        for number in self.rng.sample(range(2), self.rng.randint(1, 2)):
            counters: JsonObject = {"slots": {"value": str(self.rng.randint(1, 2))}}
            if self._chance(0.5):
                counters["mem"] = {"value": self.rng.choice(("5Gi", "10Gi"))}
            entry: JsonObject = {"counterSet": f"set-{number}", "counters": counters}
            if self.groups and self._chance(0.6):
                entry["compatibilityGroups"] = self.rng.sample(GROUPS, self.rng.randint(1, 2))
            consumption.append(entry)
        return consumption

    def _device_reach(self) -> JsonObject:
        index = self.rng.random()
        if index < 0.4:
            return {"nodeName": self.rng.choice(self.nodes)["metadata"]["name"]}
        return (
            {"allNodes": True}
            if index < 0.6
            else {"nodeSelector": self._selector(self.rng.choice(("z0", "z1")))}
        )
