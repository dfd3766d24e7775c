"""What a Pod takes of a node, against component-helpers' PodRequests and the API server's defaults."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model.parse import parse
from app.core.model.pod import Pod


def requests(**spec: Any) -> dict[str, str]:
    pod = parse({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    assert isinstance(pod, Pod)
    return {name: str(amount) for name, amount in pod.requests.items()}


def container(cpu: str | None = None, *, sidecar: bool = False, **resources: Any) -> dict[str, Any]:
    wanted = {"requests": {"cpu": cpu}} if cpu is not None else {}
    return {"resources": wanted | resources} | ({"restartPolicy": "Always"} if sidecar else {})


CASES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "no-containers": ({}, {}),
    "containers-add-up": ({"containers": [container("1"), container("500m")]}, {"cpu": "1500m"}),
    "containers-without-requests": ({"containers": [{}, {"resources": None}, container()]}, {}),
    "each-resource-on-its-own": (
        {
            "containers": [
                container("1"),
                container(requests={"memory": "1Gi", "example.com/gpu": 2}),
            ]
        },
        {"cpu": "1", "memory": str(2**30), "example.com/gpu": "2"},
    ),
    "a-limit-stands-in-for-a-request": (
        {"containers": [container(limits={"cpu": "2", "memory": "1M"}, requests={"cpu": "1"})]},
        {"cpu": "1", "memory": "1M"},
    ),
    "a-request-of-zero-is-a-request": (
        {"containers": [container(limits={"cpu": "2"}, requests={"cpu": "0"})]},
        {"cpu": "0"},
    ),
    "a-small-init-container-costs-nothing": (
        {"containers": [container("2")], "initContainers": [container("1")]},
        {"cpu": "2"},
    ),
    "the-largest-init-container-counts": (
        {"containers": [container("2")], "initContainers": [container("3"), container("5"), container("4")]},
        {"cpu": "5"},
    ),
    "an-init-container-can-be-the-only-one-to-ask": (
        {"containers": [container()], "initContainers": [container(requests={"memory": "1M"})]},
        {"memory": "1M"},
    ),
    "sidecars-add-to-containers": (
        {"containers": [container("2")], "initContainers": [container("1", sidecar=True)]},
        {"cpu": "3"},
    ),
    "an-init-container-runs-beside-sidecars-before-it": (
        {
            "containers": [container("1")],
            "initContainers": [container("2", sidecar=True), container("5")],
        },
        {"cpu": "7"},
    ),
    "an-init-container-does-not-run-beside-sidecars-after-it": (
        {
            "containers": [container("1")],
            "initContainers": [container("5"), container("2", sidecar=True)],
        },
        {"cpu": "5"},
    ),
    "sidecars-between-init-containers": (
        {
            "containers": [container("1")],
            "initContainers": [
                container("1", sidecar=True),
                container("4"),
                container("2", sidecar=True),
                container("3"),
            ],
        },
        {"cpu": "6"},
    ),
    "overhead-comes-on-top": (
        {"containers": [container("1")], "overhead": {"cpu": "250m", "memory": "120M"}},
        {"cpu": "1250m", "memory": "120M"},
    ),
    "overhead-comes-on-top-of-init-containers-too": (
        {"containers": [container("1")], "initContainers": [container("3")], "overhead": {"cpu": "1"}},
        {"cpu": "4"},
    ),
    "the-pod-as-a-whole-replaces-containers": (
        {"containers": [container("1"), container("1")], "resources": {"requests": {"cpu": "5"}}},
        {"cpu": "5"},
    ),
    "the-pod-as-a-whole-with-overhead": (
        {"containers": [container("1")], "resources": {"requests": {"cpu": "5"}}, "overhead": {"cpu": "1"}},
        {"cpu": "6"},
    ),
    "the-pod-as-a-whole-speaks-for-what-it-names": (
        {
            "containers": [container(requests={"cpu": "1", "memory": "1M"})],
            "resources": {"requests": {"memory": "5M"}},
        },
        {"cpu": "1", "memory": "5M"},
    ),
    "a-limit-of-the-pod-stands-in-where-no-container-asks": (
        {"containers": [container("1")], "resources": {"limits": {"cpu": "8", "memory": "8M"}}},
        {"cpu": "1", "memory": "8M"},
    ),
    "huge-pages-are-never-less-than-their-limit": (
        {
            "containers": [container(requests={"hugepages-2Mi": "2M"})],
            "resources": {"limits": {"hugepages-2Mi": "4M"}},
        },
        {"hugepages-2Mi": "4M"},
    ),
    "the-pod-as-a-whole-has-no-say-over-other-resources": (
        {
            "containers": [container(requests={"example.com/gpu": 2})],
            "resources": {"requests": {"example.com/gpu": 7, "ephemeral-storage": "1G"}},
        },
        {"example.com/gpu": "2"},
    ),
}


@pytest.mark.parametrize(("spec", "expected"), CASES.values(), ids=CASES)
def test_requests(spec: dict[str, Any], expected: dict[str, str]) -> None:
    assert requests(**spec) == expected


amounts = st.integers(0, 50)


@given(st.lists(amounts, max_size=4), st.lists(st.tuples(amounts, st.booleans()), max_size=5), amounts)
def test_enough_at_every_moment_and_no_more(
    mains: list[int], inits: list[tuple[int, bool]], overhead: int
) -> None:
    got = requests(
        containers=[container(str(cpu)) for cpu in mains],
        initContainers=[container(str(cpu), sidecar=sidecar) for cpu, sidecar in inits],
        overhead={"cpu": str(overhead)},
    )
    # What runs at the same time: at each init container, then at the end.
    moments = [
        cpu + sum(earlier for earlier, sidecar in inits[:index] if sidecar)
        for index, (cpu, _) in enumerate(inits)
    ]
    moments.append(sum(mains) + sum(cpu for cpu, sidecar in inits if sidecar))
    assert got == {"cpu": requests(overhead={"cpu": str(max(moments) + overhead)})["cpu"]}
