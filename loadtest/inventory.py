"""What is in a KWOK cluster for the load: nodes, slices, a class, a template, and the Pods.

``python -m loadtest.inventory FOLDER`` writes it, with kwok's stages and a Job, for `kubectl apply`.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import yaml

from app.core.json_object import JsonObject
from bench.scenes import SCENES

NAMESPACE = "default"
"""Of all users of the load; manifests name none."""
SCHEDULER = "dra-scheduler"
"""As in examples/kube-scheduler.yaml."""
DEVICES = 8
LIFE_ANNOTATION = "load.example.com/life"
"""How long a Pod runs: read by the stages."""
STAGES = Path(__file__).parent / "stages.yaml"
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TEMPLATE = "wanted"
_SCENE = next(scene for scene in SCENES if scene.name == "one")


def inventory(nodes: int) -> Iterator[JsonObject]:
    """The class, the nodes with a slice of 8 devices each, a claim for dry runs, and the template for Pods.

    They name no namespace: the client sets it.
    """
    for raw in _SCENE.objects(nodes):
        if raw["kind"] == "Node":
            yield _node(raw)
        elif raw["kind"] == "ResourceClaim":
            yield _wanted(raw)
        else:
            yield raw
    yield {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": _TEMPLATE},
        "spec": {"spec": {"devices": _SCENE.devices}},
    }


def pod(name: str, life: str) -> JsonObject:
    """A Pod with a claim from the template; ``life`` (``5s``) is how long it runs."""
    container = {
        "name": "train",
        "image": "registry.example.com/ml/trainer:2.4.1",
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "claims": [{"name": "devices"}]},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {"app": "load"},
            "annotations": {LIFE_ANNOTATION: life},
        },
        "spec": {
            "schedulerName": SCHEDULER,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "resourceClaims": [{"name": "devices", "resourceClaimTemplateName": _TEMPLATE}],
            # Where other nodes are real, as with kwokctl's runtime `kind`.
            "nodeSelector": {"type": "kwok"},
        },
    }


def write(folder: Path, nodes: int) -> list[Path]:
    """Writes the inventory, the stages and an example of a Job; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    example = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "load"},
        "spec": job_spec(10, "5s"),
    }
    contents = {
        "inventory.yaml": yaml.dump_all(inventory(nodes), Dumper=_DUMPER, sort_keys=False),
        "job.yaml": yaml.safe_dump(example, sort_keys=False),
        "stages.yaml": STAGES.read_text(),
    }
    for name, text in contents.items():
        (folder / name).write_text(text)
    return [folder / name for name in contents]


def job_spec(pods: int, life: str) -> JsonObject:
    """Of a Job of Pods that all run at once."""
    raw = pod("", life)
    template = {
        "metadata": {key: raw["metadata"][key] for key in ("labels", "annotations")},
        "spec": raw["spec"],
    }
    return {"completions": pods, "parallelism": pods, "template": template}


def _node(raw: JsonObject) -> JsonObject:
    """A node that kwok plays: only the annotation makes it its own."""
    room = {"cpu": "64", "memory": "256Gi", "pods": "250"}
    metadata = raw["metadata"]
    labels = metadata["labels"] | {"type": "kwok"}
    return raw | {
        "metadata": metadata | {"labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "status": {"capacity": room, "allocatable": dict(room)},
    }


def _wanted(raw: JsonObject) -> JsonObject:
    """As one writes it, in whatever namespace it is created."""
    return {key: raw[key] for key in ("apiVersion", "kind", "spec")} | {
        "metadata": {"name": raw["metadata"]["name"]}
    }


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="inventory", description=__doc__)
    parser.add_argument("folder", type=Path, help="for the manifests")
    parser.add_argument("--nodes", type=int, default=500)
    given = parser.parse_args()
    print(*write(given.folder, given.nodes), sep="\n")


if __name__ == "__main__":
    main()
