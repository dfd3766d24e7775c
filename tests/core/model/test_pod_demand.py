"""What Pods take of their nodes in all, as component-helpers of Kubernetes 1.37.2 and 1.38.0-beta.0 has it.

``pod-demands.jsonl`` has generated Pods, and for each the milli units by resource that PodRequests returns
with the option UseDRANodeAllocatableResourceClaimStatus.
"""

import json
from pathlib import Path

import pytest

from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.model.pod_demand import demand_of

_RECORDED = Path(__file__).with_name("pod-demands.jsonl")
CASES = [json.loads(line) for line in _RECORDED.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("version", "by_container"), [("1.37", False), ("1.38", True)])
def test_it_is_what_kubernetes_computes(version: str, by_container: bool) -> None:
    for case in CASES:
        status = {"nodeAllocatableResourceClaimStatuses": case["amounts"]}
        raw = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p"},
            "spec": case["spec"],
            "status": status,
        }
        pod = parse(raw)
        assert isinstance(pod, Pod)
        found = demand_of(pod, pod.amounts, by_container=by_container)
        assert {name: nanos // 10**6 for name, nanos in found.items() if nanos} == case[version], case


def test_the_versions_differ() -> None:
    assert sum(case["1.37"] != case["1.38"] for case in CASES) > 10
