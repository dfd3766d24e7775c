import asyncio
from collections.abc import Mapping

import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import discover, until_served_otherwise
from app.cluster.client.errors import NotServedError
from app.cluster.informers.group import discover_patiently
from tests.cluster.fake_apiserver import DRA, FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time, run

RULE = {"devicetaintrules": "DeviceTaintRule"}
NO_RULE = {plural: kind for plural, kind in DRA.items() if plural not in RULE}

# What the cluster serves; the version of claims that is taken; the apiVersion of rules, if any.
CLUSTERS: dict[str, tuple[dict[str, Mapping[str, str]], str, str | None]] = {
    "1.37": ({"v1": DRA}, "v1", "v1"),
    "1.37 with betas on": ({"v1beta1": NO_RULE, "v1beta2": DRA, "v1": DRA}, "v1", "v1"),
    "1.36 with the beta rule on": ({"v1": NO_RULE, "v1beta2": DRA}, "v1", "v1beta2"),
    "1.35 with the alpha rule on": ({"v1": NO_RULE, "v1alpha3": RULE}, "v1", "v1alpha3"),
    "1.34": ({"v1": NO_RULE}, "v1", None),
    "1.33 with both betas on": ({"v1beta1": NO_RULE, "v1beta2": NO_RULE}, "v1beta2", None),
    "1.32 with the beta on": ({"v1beta1": NO_RULE, "v1alpha3": DRA}, "v1beta1", "v1alpha3"),
    "v1 with resources switched off": (
        {"v1": {"deviceclasses": "DeviceClass"}, "v1beta2": DRA},
        "v1beta2",
        "v1beta2",
    ),
}


def serving(versions: Mapping[str, Mapping[str, str]]) -> FakeApiServer:
    return FakeApiServer(api={f"resource.k8s.io/{version}": kinds for version, kinds in versions.items()})


def client_of(server: FakeApiServer) -> ApiClient:
    return ApiClient("http://fake", InMemoryTransport(server))


@pytest.mark.parametrize("name", CLUSTERS)
def test_newest_version_with_everything_is_taken(name: str) -> None:
    versions, claims, rules = CLUSTERS[name]
    server = serving(versions)
    served = run(discover(client_of(server)))
    core = (
        served.resource_slice,
        served.resource_claim,
        served.resource_claim_template,
        served.device_class,
    )
    assert {resource.api_version for resource in core} == {f"resource.k8s.io/{claims}"}
    rule = served.device_taint_rule
    assert (rule.version if rule else None) == rules
    assert len(served.resources()) == (5 if rules else 4)
    assert len(server.calls) <= 5


WITHOUT: dict[str, dict[str, Mapping[str, str]]] = {
    "no DRA at all": {},
    "the alpha of 1.31": {"v1alpha3": DRA},
    "classes only": {"v1": {"deviceclasses": "DeviceClass"}},
}


@pytest.mark.parametrize("name", WITHOUT)
def test_cluster_without_dra_is_told_what_it_lacks(name: str) -> None:
    with pytest.raises(
        NotServedError, match=r"serves (no version|v1|v1alpha3) of resource\.k8s\.io.*runtime-config"
    ):
        run(discover(client_of(serving(WITHOUT[name]))))


@in_virtual_time
async def test_patient_discovery_waits_for_the_server(caplog: pytest.LogCaptureFixture) -> None:
    server = serving({"v1": DRA})
    server.down = True
    task = asyncio.create_task(discover_patiently(client_of(server)))
    await asyncio.sleep(100)
    assert 4 <= len(caplog.messages) <= 100
    server.faults.append(Fault(lambda _call: True, status=403, reason="Forbidden"))
    server.down = False
    assert (await task).resource_claim.version == "v1"
    assert "Forbidden" in caplog.messages[-1]


@in_virtual_time
async def test_patient_discovery_does_not_wait_for_an_api_that_is_off() -> None:
    with pytest.raises(NotServedError):
        await discover_patiently(client_of(serving({})))


GROUPS: dict[str, tuple[dict[str, Mapping[str, str]], str | None]] = {
    "off": ({"v1": {"priorityclasses": "PriorityClass"}}, None),
    "the group is not served": ({}, None),
    "the alpha of 1.36": ({"v1alpha2": {"podgroups": "PodGroup"}}, "v1alpha2"),
    "beta and alpha": (
        {"v1beta1": {"podgroups": "PodGroup"}, "v1alpha3": {"podgroups": "PodGroup"}},
        "v1beta1",
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_pod_groups_are_found_in_the_newest_version_that_has_them(name: str) -> None:
    versions, expected = GROUPS[name]
    server = serving({"v1": DRA})
    server.api |= {f"scheduling.k8s.io/{version}": kinds for version, kinds in versions.items()}
    served = run(discover(client_of(server)))
    assert (served.pod_group.version if served.pod_group else None) == expected
    assert len(served.resources()) == (6 if expected else 5)


ALPHA_RULE, NOTHING = {"v1": NO_RULE, "v1alpha3": RULE}, dict[str, Mapping[str, str]]()
OLD, NEW = {"v1beta2": NO_RULE}, {"v1": NO_RULE}
# What is served at first; what at each question; how many of these count.
CHANGES: dict[str, tuple[dict[str, Mapping[str, str]], list[dict[str, Mapping[str, str]] | None], int]] = {
    "rules are served": (NEW, [ALPHA_RULE, ALPHA_RULE], 2),
    "rules are not served any more": (ALPHA_RULE, [NEW, NEW], 2),
    "the version is gone": (OLD, [NEW, NEW], 2),
    "not while API servers answer in turns": (OLD, [NEW, OLD, NEW, OLD, NEW, NEW], 6),
    "not while nothing is served": (OLD, [NOTHING, NOTHING, NEW, NEW], 4),
    "whatever is not answered between": (OLD, [NEW, None, NEW], 3),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_served_versions_count_at_the_second_answer_in_a_row(name: str) -> None:
    first, answers, needed = CHANGES[name]
    server, turns = serving(first), iter(answers)
    asked: list[int] = []

    async def next_answer() -> None:
        asked.append(1)
        answer = next(turns)
        server.down = answer is None
        server.api = {f"resource.k8s.io/{version}": kinds for version, kinds in (answer or {}).items()}

    async def evaluation() -> None:
        client = client_of(server)
        known = await discover(client)
        now = await until_served_otherwise(client, known, next_answer)
        assert str(now) != str(known)

    run(evaluation())
    assert len(asked) == needed
