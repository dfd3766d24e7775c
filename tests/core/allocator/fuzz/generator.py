"""Random cases over every feature of resource.k8s.io: bodies for POST /api/v1/placements."""

import random

from app.core.json_object import JsonObject
from fuzz.devices import DRIVERS, TAINTS, Supply
from fuzz.variety import varied

DEFAULT_ON = (
    "AdminAccess",
    "ConsumableCapacity",
    "DeviceBindingAndStatus",
    "DeviceTaints",
    "FractionalCapacityRange",
    "PartitionableDevices",
    "PrioritizedList",
)
ALPHA = ("CompatibilityGroups", "DerivedAttributes", "ListTypeAttributes", "OptionalNodeOperations")
STABLE_ONLY = dict.fromkeys(
    ("ConsumableCapacity", "DeviceBindingAndStatus", "FractionalCapacityRange"), False
)
ATTRIBUTES = ("model", "model", "healthy", "version", "numa", "index", "links", "uuid")
SELECTORS = (
    'device.attributes["{d}"].model == "{m}"',
    'device.attributes["{d}"].model != "{m}"',
    'device.attributes["{d}"].healthy',
    'device.driver == "{d}"',
    'has(device.attributes["{d}"].numa) && device.attributes["{d}"].numa == {n}',
    'device.attributes["{d}"].?index.orValue(0) >= {n}',
    'device.capacity["{d}"].?memory.orValue(quantity("0")).compareTo(quantity("20Gi")) >= 0',
    'device.attributes["{d}"].version.isGreaterThan(semver("1.9.0"))',
    "device.allowMultipleAllocations",
    "true",
)
FRAGILE = (
    'device.attributes["{d}"].numa == {n}',
    'device.attributes["{d}"].index < 2',
    'device.capacity["{d}"].memory.isGreaterThan(quantity("10Gi"))',
    'device.attributes["{d}"].model == "a100',
    "device.nonsense",
)
DERIVED = (
    'device.attributes["{d}"].model',
    'device.attributes["{d}"].?numa.orValue(0)',
    'device.attributes["{d}"].index % 2 == 0',
    '[device.attributes["{d}"].model, "any"]',
)
AMOUNTS = ("1Gi", "2Gi", "3Gi", "1500Mi", "8Gi", "20Gi", "750m", "1")


class Demand:
    """Classes, claims and the Pod: the demand side of a case."""

    def __init__(self, rng: random.Random, supply: Supply) -> None:
        self.rng = rng
        self.supply = supply
        self.driver = DRIVERS[0] if supply.crowded else rng.choice(DRIVERS[:1] * 3 + DRIVERS)
        self.fragile = rng.random() < 0.1 and not supply.crowded
        self.derived = rng.random() < 0.1
        self.picky = rng.random() < 0.5 or supply.crowded
        self.large = rng.random() < 0.1
        self.classes = [self._class(f"class-{number}") for number in range(2)]
        self.claims = [self._claim(f"claim-{number}") for number in range(rng.choice((1, 1, 1, 2, 3)))]

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def _class(self, name: str) -> JsonObject:
        spec: JsonObject = {}
        if self._chance(0.1 if self.supply.crowded else 0.4):
            spec["selectors"] = [self._selector()]
        if self._chance(0.4):
            spec["config"] = [self._config() for _ in range(self.rng.randint(1, 2))]
        return {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "DeviceClass",
            "metadata": {"name": name},
            "spec": spec,
        }

    def _selector(self) -> JsonObject:
        texts = FRAGILE if self.fragile and self._chance(0.4) else SELECTORS
        text = self.rng.choice(texts).format(
            d=self.driver, m=self.rng.choice(("a100", "h100")), n=self.rng.randint(0, 1)
        )
        if not self.fragile:  # attributes that a driver does not publish are errors
            text = f'device.driver == "{self.driver}" && ({text})'
        return {"cel": {"expression": text}}

    def _config(self) -> JsonObject:
        return {"opaque": {"driver": self.driver, "parameters": {"mode": self.rng.choice("abc")}}}

    def _claim(self, name: str) -> JsonObject:
        counts = (1, 1, 2, 2, 3, 5) if self.large else (1, 1, 2, 3)
        count = self.rng.choice((2, 3, 4) if self.supply.crowded else counts)
        requests = [self._request(f"r{number}") for number in range(count)]
        if len(requests) > 1 and self._chance(0.2):  # the same thing several times
            requests = [requests[0] | {"name": item["name"]} for item in requests]
        devices: JsonObject = {"requests": requests}
        names = [item["name"] for item in requests] + [
            f"{item['name']}/{sub['name']}" for item in requests for sub in item.get("firstAvailable", ())
        ]
        if self._chance(0.6 if self.picky else 0.2):
            devices["constraints"] = [self._constraint(names) for _ in range(self.rng.choice((1, 1, 2)))]
        if self._chance(0.3):
            devices["config"] = [
                self._config() | ({"requests": self._some(names)} if self._chance(0.7) else {})
                for _ in range(self.rng.randint(1, 2))
            ]
        return {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {"devices": devices},
        }

    def _some(self, names: list[str]) -> list[str]:
        return self.rng.sample(names, self.rng.randint(1, len(names)))

    def _constraint(self, names: list[str]) -> JsonObject:
        attribute = f"{self.driver}/{self.rng.choice(ATTRIBUTES)}"
        if self._chance(0.1):
            attribute = "shared.example.org/group"
        constraint: JsonObject = {"requests": self._some(names)} if self._chance(0.5) else {}
        kind = "matchAttribute" if self._chance(0.65) else "distinctAttribute"
        return constraint | {kind: attribute}

    def _request(self, name: str) -> JsonObject:
        if self._chance(0.25):
            subrequests = [{"name": f"s{number}"} | self._spec() for number in range(self.rng.randint(1, 3))]
            return {"name": name, "firstAvailable": subrequests}
        spec = self._spec()
        if self._chance(0.06):
            spec["adminAccess"] = self._chance(0.8)
        return {"name": name, "exactly": spec}

    def _spec(self) -> JsonObject:
        known = self.rng.choice(("class-0", "class-0", "class-1"))
        spec: JsonObject = {"deviceClassName": known if self._chance(0.998) else "class-9"}
        if self._chance(0.35):
            spec["selectors"] = [self._selector() for _ in range(self.rng.choice((1, 1, 2)))]
        if self._chance(0.03 if self.supply.crowded else 0.15):
            spec["allocationMode"] = "All"
        elif self._chance(0.2 if self.supply.crowded else 0.6):
            spec |= {"allocationMode": "ExactCount", "count": self._count()}
        if self.supply.taints and self._chance(0.5):
            spec["tolerations"] = [self._toleration() for _ in range(self.rng.randint(1, 2))]
        if self.supply.consumable and self._chance(0.5):
            spec["capacity"] = {"requests": self._amounts()}
        if self.derived and self._chance(0.6):
            spec["derivedAttributes"] = [self._derived() for _ in range(1)]
        return spec

    def _count(self) -> int:
        if self._chance(0.02):
            return self.rng.choice((17, 32, 33))
        return self.rng.choice((1, 1, 1, 2, 2, 3, 4))

    def _amounts(self) -> JsonObject:
        name = "memory" if self._chance(0.85) else self.rng.choice(("lanes", "nothing"))
        return {name: self.rng.choice(AMOUNTS)}

    def _derived(self) -> JsonObject:
        return {
            "name": f"{self.driver}/{self.rng.choice(('model', 'numa', 'parity'))}",
            "expression": self.rng.choice(DERIVED).format(d=self.driver),
        }

    def _toleration(self) -> JsonObject:
        taint = self.rng.choice(TAINTS)
        toleration: JsonObject = {"key": taint["key"], "operator": "Exists"}
        if self._chance(0.4):
            toleration |= {"operator": "Equal", "value": taint["value"]}
        if self._chance(0.5):
            toleration["effect"] = taint["effect"]
        if self._chance(0.2):
            toleration["tolerationSeconds"] = 30
        return toleration


def odd_case(seed: int) -> JsonObject:
    """The case of that number, and of every second one something that the others never have."""
    return varied(seed, case(seed)) if seed % 2 else case(seed)


def case(seed: int) -> JsonObject:
    """The case of that number: always the same."""
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    supply = Supply(rng)
    demand = Demand(rng, supply)
    objects = [*supply.nodes, *supply.slices, *demand.classes, *demand.claims]
    objects += _holders(rng, supply) + _taint_rules(rng, supply)
    claims = [item["metadata"]["name"] for item in demand.claims]
    return {
        "pods": [
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "p", "namespace": "default", "uid": "p"},
                "spec": {
                    "containers": [{"name": "c", "image": "i"}],
                    "resourceClaims": [
                        {"name": f"c{number}", "resourceClaimName": name}
                        for number, name in enumerate(claims)
                    ],
                },
            }
        ],
        "inventory": "request",
        "nodeChecks": False,
        "features": _features(rng, supply, derived=demand.derived),
        "objects": objects,
    }


def _features(rng: random.Random, supply: Supply, *, derived: bool) -> JsonObject:
    features: JsonObject = {}
    index = rng.random()
    if index < 0.1:
        features |= STABLE_ONLY
    elif index < 0.2:
        features |= dict.fromkeys(rng.sample(DEFAULT_ON, rng.randint(1, 2)), False)
    if rng.random() < 0.25:
        features |= dict.fromkeys(rng.sample(ALPHA, rng.randint(1, 4)), True)
    if derived and rng.random() < 0.9:
        features["DerivedAttributes"] = True
    if supply.groups and rng.random() < 0.8:
        features["CompatibilityGroups"] = True
    return features


def _holders(rng: random.Random, supply: Supply) -> list[JsonObject]:
    """Claims of others that hold some of the devices."""
    holders = []
    for number, (driver, pool, device) in enumerate(supply.devices()):
        if rng.random() >= supply.load:
            continue
        result: JsonObject = {"request": "r", "driver": driver, "pool": pool, "device": device["name"]}
        if rng.random() < 0.1:
            result["adminAccess"] = True
        elif device.get("allowMultipleAllocations") and rng.random() < 0.8:
            result["shareID"] = f"00000000-0000-4000-9000-{number:012x}"
            if "memory" in device.get("capacity", {}) and rng.random() < 0.8:
                result["consumedCapacity"] = {"memory": rng.choice(("1Gi", "2Gi", "6Gi"))}
        holders.append(
            {
                "apiVersion": "resource.k8s.io/v1",
                "kind": "ResourceClaim",
                "metadata": {"name": f"held-{number}", "namespace": "other", "uid": f"held-{number}"},
                "spec": {},
                "status": {"allocation": {"devices": {"results": [result]}}},
            }
        )
    return holders


def _taint_rules(rng: random.Random, supply: Supply) -> list[JsonObject]:
    if not supply.taints or rng.random() < 0.6:
        return []
    selector: JsonObject = {}
    if rng.random() < 0.7:
        selector["driver"] = rng.choice(DRIVERS)
    if rng.random() < 0.4:
        selector["device"] = "dev-0"
    spec: JsonObject = {"taint": rng.choice(TAINTS)}
    if rng.random() < 0.9:
        spec["deviceSelector"] = selector
    return [
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "DeviceTaintRule",
            "metadata": {"name": "rule"},
            "spec": spec,
        }
    ]
