"""Changes made to raw objects by what a near miss says of them, as a person would make them."""

import copy
import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State


@dataclass
class Situation:
    """What is asked. ``generate``: as a dry run, claims are made from templates."""

    objects: list[JsonObject]
    pod: JsonObject
    features: dict[str, bool] = field(default_factory=dict)
    generate: bool = True

    def changed(self, change: JsonObject) -> "Situation":
        other = copy.deepcopy(self)
        method = re.sub(r"(?=[A-Z])", "_", change["code"]).lower()
        getattr(other, method)(change)
        return other

    def parsed(self) -> tuple[State, Pod, Rules]:
        """What the code under test is asked with."""
        state = State()
        for raw in self.objects:
            item = parse(raw)
            assert isinstance(item, InventoryObject)
            state.upsert(item)
        wanted = parse(self.pod)
        assert isinstance(wanted, Pod)
        numbers = count()
        rules = Rules(
            SelectorCache(),
            lambda: f"share-{next(numbers)}",
            features=Features().switched(self.features),
            node_checks=True,
            generate_claims=self.generate,
        )
        return state, wanted, rules

    def _all(self, kind: str) -> list[JsonObject]:
        return [item for item in self.objects if item["kind"] == kind]

    def _named(self, kind: str, name: str) -> JsonObject:
        return next(item for item in self._all(kind) if item["metadata"]["name"] == name)

    def _devices_spec(self, claim: str) -> JsonObject:
        name = claim.partition("/")[2]
        for item in self._all("ResourceClaim"):
            if item["metadata"]["name"] == name:
                return item["spec"]["devices"]
        entry = next(item for item in self.pod["spec"]["resourceClaims"] if name == f"p-{item['name']}")
        return self._named("ResourceClaimTemplate", entry["resourceClaimTemplateName"])["spec"]["spec"][
            "devices"
        ]

    def _request(self, change: JsonObject) -> JsonObject:
        name, _, sub = change["request"].partition("/")
        found = next(item for item in self._devices_spec(change["claim"])["requests"] if item["name"] == name)
        if not sub:
            return found["exactly"]
        return next(item for item in found["firstAvailable"] if item["name"] == sub)

    def _split_claim(self, change: JsonObject) -> None:
        name = change["claim"].partition("/")[2]
        first = next(item for item in self.objects if item["metadata"]["name"] == name)
        second = copy.deepcopy(first)
        second["metadata"] |= {"name": f"{name}-2", "uid": f"uid-{name}-2"}
        for raw, names in zip((first, second), change["requests"], strict=True):
            devices = raw["spec"]["devices"]
            devices["requests"] = [item for item in devices["requests"] if item["name"] in names]
        self.objects.append(second)
        self.pod["spec"]["resourceClaims"].append({"name": f"{name}-2", "resourceClaimName": f"{name}-2"})

    def _free_devices(self, change: JsonObject) -> None:
        gone = {name.partition("/")[2] for name in change["claims"]}
        self.objects = [
            item
            for item in self.objects
            if item["kind"] != "ResourceClaim" or item["metadata"]["name"] not in gone
        ]

    def _add_devices(self, change: JsonObject) -> None:
        for item in self._all("ResourceSlice"):
            spec = item["spec"]
            if (spec["driver"], spec["pool"]["name"]) != (change["driver"], change["pool"]):
                continue
            model = next((one for one in spec.get("devices", ()) if one["name"] == change["device"]), None)
            if model is not None:
                plain = {key: value for key, value in model.items() if key != "taints"}
                spec["devices"] += [{**plain, "name": f"new-{index}"} for index in range(change["count"])]

    def _tolerate(self, change: JsonObject) -> None:
        self._request(change).setdefault("tolerations", []).extend(change["tolerations"])

    def _lower_capacity(self, change: JsonObject) -> None:
        self._request(change)["capacity"]["requests"] |= change["capacity"]

    def _drop_capacity(self, change: JsonObject) -> None:
        del self._request(change)["capacity"]["requests"][change["capacity"]]

    def _rename_capacity(self, change: JsonObject) -> None:
        requests = self._request(change)["capacity"]["requests"]
        requests[change["published"]] = requests.pop(change["capacity"])

    def _relax_selector(self, change: JsonObject) -> None:
        self._request(change)["selectors"][change["selector"]] = {"cel": {"expression": change["expression"]}}

    _drop_term = _relax_selector

    def _drop_selector(self, change: JsonObject) -> None:
        del self._request(change)["selectors"][change["selector"]]

    def _drop_constraint(self, change: JsonObject) -> None:
        del self._devices_spec(change["claim"])["constraints"][change["constraint"]]

    def _fewer_devices(self, change: JsonObject) -> None:
        self._request(change).update(allocationMode="ExactCount", count=change["count"])

    def _use_class(self, change: JsonObject) -> None:
        self._request(change)["deviceClassName"] = change["class"]

    def _create_class(self, change: JsonObject) -> None:
        made = {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "spec": {}}
        self.objects.append(made | {"metadata": {"name": change["class"]}})

    def _use_other(self, change: JsonObject) -> None:
        entry = next(
            item for item in self.pod["spec"]["resourceClaims"] if item["name"] == change["podClaim"]
        )
        entry["resourceClaimName" if change["kind"] == "ResourceClaim" else "resourceClaimTemplateName"] = (
            change["name"]
        )

    def _generate_claims(self, _change: JsonObject) -> None:
        self.generate = True
        self.pod.pop("status", None)

    def _deallocate(self, change: JsonObject) -> None:
        item = self._named("ResourceClaim", change["claim"].partition("/")[2])
        item.pop("status", None)
        item["metadata"].pop("deletionTimestamp", None)

    def _free_seat(self, change: JsonObject) -> None:
        self._named("ResourceClaim", change["claim"].partition("/")[2])["status"]["reservedFor"].pop()

    def _enable_feature(self, change: JsonObject) -> None:
        self.features[change["feature"]] = True

    def _complete_pool(self, change: JsonObject) -> None:
        slices = [
            item
            for item in self._all("ResourceSlice")
            if f"{item['spec']['driver']}/{item['spec']['pool']['name']}" == change["pool"]
        ]
        for item in slices:
            item["spec"]["pool"]["resourceSliceCount"] = len(slices)

    def _uncordon(self, change: JsonObject) -> None:
        self._named("Node", change["node"])["spec"]["unschedulable"] = False

    def _tolerate_node(self, change: JsonObject) -> None:
        self.pod["spec"].setdefault("tolerations", []).extend(change["tolerations"])

    def _drop_node_selector(self, _change: JsonObject) -> None:
        del self.pod["spec"]["nodeSelector"]

    def _drop_affinity(self, _change: JsonObject) -> None:
        del self.pod["spec"]["affinity"]

    def _declare_feature(self, change: JsonObject) -> None:
        node = self._named("Node", change["node"])
        node["status"] = {"declaredFeatures": ["DRAOptionalNodeOperations"]}

    def _drop_node_name(self, _change: JsonObject) -> None:
        del self.pod["spec"]["nodeName"]

    def _lower_request(self, change: JsonObject) -> None:
        requests: Any = self.pod["spec"]["containers"][0]["resources"]["requests"]
        requests[change["resource"]] = change["quantity"]
