"""The demo's kube-controller-manager and kubelet: they create Pods and claims, and end Pods."""

from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from app.core.json_object import JsonObject
from app.core.model.parse import InventoryObject, parse
from app.core.model.resource_claim import ResourceClaim
from app.core.model.workload import Workload
from app.core.state.state import State


class Controllers:
    """Updates the state as watch events would.

    UIDs are derived from names, so that each run of the demo shows the same.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._version = 1000

    def create(self, raw: JsonObject) -> None:
        """Adds any object of the inventory, as `kubectl apply` does."""
        meta = {"namespace": "default", **raw["metadata"]}
        meta["uid"] = str(uuid5(NAMESPACE_DNS, f"{raw['kind']}/{meta['namespace']}/{meta['name']}"))
        self._put(parse(self._versioned(raw | {"metadata": meta})))

    def pod_of(
        self, raw_job: JsonObject, job: Workload, index: int, templates: dict[str, JsonObject]
    ) -> JsonObject:
        """Creates one Pod of a Job, as the Job controller does."""
        template = raw_job["spec"]["template"]
        meta = {**(template.get("metadata") or {}), "name": f"{job.meta.name}-{index}"}
        return self.pod(
            {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}, templates
        )

    def pod(self, raw: JsonObject, templates: dict[str, JsonObject]) -> JsonObject:
        """Creates a Pod, and its claims from their templates, as the resourceclaim controller does."""
        name = raw["metadata"]["name"]
        uid = str(uuid5(NAMESPACE_DNS, f"Pod/default/{name}"))
        pod = self._versioned(raw | {"metadata": {"namespace": "default", **raw["metadata"], "uid": uid}})
        statuses = []
        for entry in raw["spec"].get("resourceClaims", ()):
            template = templates.get(entry.get("resourceClaimTemplateName", ""))
            if template is None:
                continue
            claim = self._claim(template, pod, entry["name"])
            self.create(claim)
            statuses.append({"name": entry["name"], "resourceClaimName": claim["metadata"]["name"]})
        pod["status"] = {"phase": "Pending", "resourceClaimStatuses": statuses}
        self._put(parse(pod))
        return pod

    def finish(self, raw: JsonObject) -> None:
        """Completes a Pod: deletes its generated claims and releases shared ones."""
        namespace, name = raw["metadata"]["namespace"], raw["metadata"]["name"]
        generated = {status["resourceClaimName"] for status in raw["status"]["resourceClaimStatuses"]}
        for claim_name in generated:
            self._state.delete("ResourceClaim", (namespace, claim_name))
        for entry in raw["spec"].get("resourceClaims", ()):
            claim = self._state.claim((namespace, entry.get("resourceClaimName", "")))
            if claim is not None:
                self._release(claim, raw["metadata"]["uid"])
        self._state.delete("Pod", (namespace, name))

    def _release(self, claim: ResourceClaim, uid: str) -> None:
        rest = tuple(consumer for consumer in claim.reserved_for if consumer.uid != uid)
        # No Pod uses it any more: the resourceclaim controller deallocates it.
        self._put(replace(claim, reserved_for=rest, allocation=claim.allocation if rest else None))

    def _claim(self, template: JsonObject, pod: JsonObject, entry: str) -> JsonObject:
        meta = pod["metadata"]
        owner = {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
        }
        return {
            "apiVersion": template["apiVersion"],
            "kind": "ResourceClaim",
            "metadata": {"name": f"{meta['name']}-{entry}", "ownerReferences": [owner]},
            "spec": template["spec"]["spec"],
        }

    def _versioned(self, raw: JsonObject) -> JsonObject:
        self._version += 1
        return raw | {"metadata": {**raw["metadata"], "resourceVersion": str(self._version)}}

    def _put(self, item: Any) -> None:
        if not isinstance(item, InventoryObject):
            raise TypeError(f"{item} is not part of the inventory")
        self._state.upsert(item)
