"""Pods that ask for an extended resource that a DeviceClass stands for."""

from typing import Any

from tests.objects import pod

GPU = "example.com/gpu"


def gpu_pod(name: str = "p", count: int = 1, *claims: str) -> dict[str, Any]:
    raw = pod(name, *claims)
    raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1", GPU: str(count)}}
    return raw
