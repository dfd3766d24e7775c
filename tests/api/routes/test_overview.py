"""The overview: its numbers are those of the lists, added up, and each reader sees what they may."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.api.overview_history import (
    MAX_DRIVERS,
    OverviewHistory,
    OverviewSample,
    dump,
    sample_of,
    series_of,
    write,
)
from app.api.routes.overview import MAX_GROUPS
from app.core.model.parse import parse
from app.core.overview.overview import Question
from app.core.overview.pending import PodReason
from tests.api.conftest import Asked, run
from tests.objects import (
    DRIVER,
    allocation,
    claim,
    claim_spec,
    device,
    device_class,
    node,
    pod,
    slice_of,
    template,
)
from tests.pausing import Meter

Inventory = Callable[..., Path]
MODELS = ("A100", "H100", "L4", "T4")
OVERVIEW = "/api/v1/overview"


def held(name: str, at: str, *devices: str, namespace: str = "default", by: str = "") -> dict[str, Any]:
    status: dict[str, Any] = {"allocation": allocation(at, *devices)}
    if by:
        status["reservedFor"] = [{"resource": "pods", "name": by, "uid": f"uid-{by}"}]
    return claim(name, namespace=namespace) | {"status": status}


def running(name: str, claim_name: str, at: str) -> dict[str, Any]:
    found = pod(name, claim_name)
    found["spec"]["nodeName"] = at
    return found


def waiting(name: str, template_name: str, created: str, namespace: str = "default") -> dict[str, Any]:
    """A pending Pod whose claim exists."""
    found = pod(name, templates=(template_name,))
    found["metadata"] |= {"namespace": namespace, "creationTimestamp": created}
    found["status"] = {"resourceClaimStatuses": [{"name": template_name, "resourceClaimName": name}]}
    return found


def generated(name: str, count: int = 1, namespace: str = "default") -> dict[str, Any]:
    """The claim that kube-controller-manager makes for a Pod of this name."""
    found = claim(name, count, namespace=namespace)
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": f"uid-{name}", "controller": True}
    found["metadata"]["ownerReferences"] = [owner]
    return found


def cluster() -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = [device_class(), template("eight", 8), template("one")]
    for number in range(16):
        name = f"n{number:02}"
        labels = {"topology.kubernetes.io/zone": f"z{number % 3}", "pool": f"p{number % 2}"}
        objects.append(node(name) | {"metadata": {"name": name, "labels": labels}})
        objects.append(slice_of(name, *(device(f"d{at}", model=MODELS[number % 4]) for at in range(4))))
    for number in range(10):
        used = [f"d{at}" for at in range(1 + number % 4)]
        namespace = ("default", "ml")[number % 2]
        objects.append(held(f"c{number}", f"n{number:02}", *used, namespace=namespace, by=f"user{number}"))
        objects.append(running(f"user{number}", f"c{number}", f"n{number:02}") | {})
        objects[-1]["metadata"]["namespace"] = namespace
    for number in range(6):
        objects.append(
            waiting(f"w{number}", "eight", f"2026-01-01T00:0{number}:00Z", ("default", "ml")[number % 2])
        )
        objects.append(generated(f"w{number}", 8, ("default", "ml")[number % 2]))
    return objects


async def listed(service: Asked, kind: str, **params: Any) -> list[dict[str, Any]]:
    return list((await service.get(f"/api/v1/{kind}", limit=5000, **params))["items"])


def test_the_numbers_are_those_of_the_lists(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        seen = await service.get(OVERVIEW)
        devices = await listed(service, "devices")
        states = Counter(item["state"] for item in devices)
        total = seen["total"]
        assert {name: count for name, count in total["states"].items() if count} == states
        assert (total["devices"], total["inUse"], total["free"]) == (64, states["taken"], states["free"])
        assert total["percent"] == round(100 * states["taken"] / 64, 1)
        nodes = await listed(service, "nodes")
        assert seen["nodes"] == len(nodes)
        assert total["largestFreeBlock"] == max(
            item["devices"].get(DRIVER, {"free": 0})["free"] for item in nodes
        )
        by_model = {item["name"]: item for item in seen["attribute"]["items"]}
        assert seen["attribute"]["name"] == "model"
        for model in MODELS:
            matching = set((await service.get("/api/v1/matches", attribute=f"model={model}"))["items"])
            free = sum(
                f"{item['driver']}/{item['pool']}/{item['device']}" in matching and item["state"] == "free"
                for item in devices
            )
            assert (by_model[model]["devices"], by_model[model]["free"]) == (len(matching), free)
        pods = await listed(service, "pods", pending=True)
        assert seen["pending"]["pods"] == len(pods) == 6
        assert seen["pending"]["oldest"] == min(item["created"] for item in pods)
        assert {item["name"]: item["pending"] for item in seen["namespaces"]} == Counter(
            item["namespace"] for item in pods
        )

    run(inventory(*cluster()), evaluation)


def test_labels_of_pools_and_zones_are_chosen_or_asked_for(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        seen = await service.get(OVERVIEW)
        assert [item["name"] for item in seen["labels"]] == ["pool", "topology.kubernetes.io/zone"]
        assert {item["name"]: item["devices"] for item in seen["labels"][1]["items"]} == {
            "z0": 24,
            "z1": 20,
            "z2": 20,
        }
        asked = await service.get(OVERVIEW, label="pool", attribute="nothing")
        assert [item["name"] for item in asked["labels"]] == ["pool"]
        assert [item["name"] for item in asked["attribute"]["items"]] == [""]
        other = await service.get(OVERVIEW, driver="other.example.com")
        assert other["total"]["devices"] == 0

    run(inventory(*cluster()), evaluation)
    run(
        inventory(*cluster()),
        lambda service: _label_is(service, "pool"),
        overview_labels="pool",
        overview_attribute="model",
    )


async def _label_is(service: Asked, label: str) -> None:
    assert [item["name"] for item in (await service.get(OVERVIEW))["labels"]] == [label]


def test_pending_pods_with_equal_reasons_are_one_group(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        (group,) = (await service.get(OVERVIEW))["pending"]["groups"]
        assert (group["pods"], group["code"], group["estimated"]) == (6, "TooFewDevices", True)
        assert group["oldest"] == "2026-01-01T00:00:00Z"
        assert group["asks"] == [{"text": "8 x gpu", "pods": 6}]
        explained = await service.get("/api/v1/pods/default/w0/explain")
        assert group["reason"] == explained["summary"]
        # What kube-scheduler was answered counts more than an estimate.
        body = {"Pod": waiting("w0", "eight", "2026-01-01T00:00:00Z"), "NodeNames": ["n00"], "Nodes": None}
        await service.post("/scheduler/filter", body)
        groups = (await service.get(OVERVIEW))["pending"]["groups"]
        assert [(item["pods"], item["code"]) for item in groups] == [(6, "TooFewDevices")]

    run(inventory(*cluster()), evaluation)


def test_a_group_leads_to_all_its_pods_page_by_page(inventory: Inventory) -> None:
    gated = waiting("gated", "one", "2026-01-01T00:00:00Z")
    gated["spec"]["schedulingGates"] = [{"name": "quota.example.com"}]

    async def evaluation(service: Asked) -> None:
        plain = (await service.get("/api/v1/pods", pending=True))["items"]
        assert {item["code"] for item in plain} == {"NotEvaluated", "SchedulingGated"}
        # Whoever comes by a link has not read the overview before: the list itself evaluates.
        first = await service.get("/api/v1/pods", reason="toofewdevices", limit=4)
        rest = await service.get("/api/v1/pods", reason="toofewdevices", limit=4, cursor=first["next"])
        found = first["items"] + rest["items"]
        groups = (await service.get(OVERVIEW))["pending"]["groups"]
        assert {group["code"] for group in groups} == {"TooFewDevices", "SchedulingGated"}
        for group in groups:
            named = (await service.get("/api/v1/pods", reason=group["key"]))["items"]
            assert len(named) == group["pods"]
            assert {(item["group"], item["code"], item["reason"]) for item in named} == {
                (group["key"], group["code"], group["reason"])
            }
            assert {item["requests"] for item in named} == {asked["text"] for asked in group["asks"]}
        assert {item["name"] for item in found} == {f"w{number}" for number in range(6)}
        assert len(first["items"]) == 4
        every = (await service.get("/api/v1/pods", pending=True, evaluate=True))["items"]
        assert Counter(item["group"] for item in every) == {item["key"]: item["pods"] for item in groups}
        assert (await service.get("/api/v1/pods", reason="Fits"))["items"] == []

    run(inventory(*cluster(), gated, generated("gated")), evaluation)


def test_what_one_answer_leaves_unevaluated_the_next_one_has(inventory: Inventory) -> None:
    kinds = 40
    objects: list[Any] = [device_class("gpu"), node("n1"), slice_of("n1", device("d0"))]
    for number in range(kinds):
        objects += [claim(f"c{number}", 10 + number), pod(f"p{number}", f"c{number}")]

    async def evaluation(service: Asked) -> None:
        codes = []
        for _ in range(2):
            groups = (await service.get(OVERVIEW))["pending"]["groups"]
            codes.append(Counter({group["code"]: group["pods"] for group in groups}))
        assert 0 < codes[0]["NotEvaluated"] < kinds
        # Nothing has changed in between.
        assert codes[1]["NotEvaluated"] == 0
        made = service.app.state.service.overviews.made
        await service.get(OVERVIEW)
        assert service.app.state.service.overviews.made == made

    run(inventory(*objects), evaluation)


def test_reasons_are_equal_whatever_the_numbers_and_in_every_process() -> None:
    few = PodReason("0/8 nodes fit: 3 too few, 5 no device", "TooFewDevices")
    assert few.group == PodReason("0/9 nodes fit: 5 no device, 4 too few", "NoDevices").group
    assert few.group != PodReason("0/8 nodes fit: 8 no device", "NoDevices").group
    assert few.group == "f4ed1d910422"
    assert PodReason("", "BindFailed").group == "BindFailed"


GATED = waiting("gated", "one", "2026-01-01T00:00:00Z")
GATED["spec"]["schedulingGates"] = [{"name": "quota.example.com"}]
WITHOUT_CLAIM = pod("no-claim", templates=("one",))
FITS = waiting("fits", "one", "2026-01-01T00:00:00Z")
REASONS = (
    ("a gate", (GATED, generated("gated")), "SchedulingGated", "(quota.example.com)"),
    ("no claim yet", (WITHOUT_CLAIM,), "WaitingForClaim", "template one"),
    ("room", (FITS, generated("fits")), "Fits", "waits for kube-scheduler"),
    ("no claim by that name", (pod("p", "nope"),), "", "nope"),
)


@pytest.mark.parametrize(("_name", "objects", "code", "text"), REASONS, ids=[item[0] for item in REASONS])
def test_each_pending_pod_has_a_reason(
    inventory: Inventory, _name: str, objects: tuple[Any, ...], code: str, text: str
) -> None:
    async def evaluation(service: Asked) -> None:
        (group,) = (await service.get(OVERVIEW))["pending"]["groups"]
        assert text in group["reason"]
        assert group["code"] == code or not code

    base = (device_class(), node("n"), slice_of("n", device("d")), template("one"))
    run(inventory(*base, *objects), evaluation)


def test_what_keeps_devices_from_being_used(inventory: Inventory) -> None:
    gone = allocation("lost", "d0")
    gone["devices"]["results"][0]["driver"] = "gone.example.com"
    tainted = device("d1") | {"taints": [{"key": "worn", "value": "out", "effect": "NoSchedule"}]}
    objects = (
        device_class(),
        node("n1"),
        slice_of("n1", device("d0"), tainted),
        node("n2"),
        slice_of("n2", device("d0"), count=2),
        slice_of("vanished", device("d0")),
        running("user", "used", "n1"),
        held("used", "n1", "d0", by="user"),
        held("left", "n1", "d1", by="ghost"),
        claim("of-gone") | {"status": {"allocation": gone}},
    )

    async def evaluation(service: Asked) -> None:
        found = (await service.get(OVERVIEW))["troubles"]
        assert (found["poolsIncomplete"], found["poolsInvalid"], found["poolsGone"]) == (1, 0, 1)
        assert found["taints"] == [{"taint": "worn=out:NoSchedule", "driver": DRIVER, "devices": 1}]
        assert found["driversGone"] == [{"driver": "gone.example.com", "devices": 1, "claims": 1}]
        assert [item["name"] for item in found["claims"]] == ["left", "of-gone"]
        assert "Pod ghost, which is not there" in found["claims"][0]["note"]
        assert found["nodesGone"] == 1

    run(inventory(*objects), evaluation)


def test_a_driver_that_takes_its_slices_back_is_gone(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        assert (await service.get(OVERVIEW))["troubles"]["driversGone"] == []
        service.app.state.service.state.delete("ResourceSlice", ("", "n-slice"))
        found = (await service.get(OVERVIEW))["troubles"]["driversGone"]
        assert found == [{"driver": DRIVER, "devices": 0, "claims": 0}]

    run(inventory(device_class(), node("n"), slice_of("n", device("d"))), evaluation)


def test_a_namespace_sees_its_own_alone(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        found = await service.get(OVERVIEW, namespace="ml")
        assert [item["name"] for item in found["namespaces"]] == ["ml"]
        assert found["pending"]["pods"] == 3
        assert (found["nodes"], found["total"]["devices"], found["drivers"], found["mix"]) == (0, 0, [], [])
        assert "default/" not in str(found)

    run(inventory(*cluster()), evaluation)


def test_an_answer_is_kept_until_something_changes(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        overviews = service.app.state.service.overviews
        for _ in range(3):
            first = await service.get(OVERVIEW)
        assert overviews.made == 1
        service.app.state.service.state.upsert(parse(held("more", "n15", "d0")))
        assert (await service.get(OVERVIEW))["total"]["inUse"] == first["total"]["inUse"] + 1
        assert overviews.made == 2

    run(inventory(*cluster()), evaluation)


def test_pods_with_the_same_requests_are_evaluated_once(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        await service.get(OVERVIEW)
        assert service.app.state.service.overviews.evaluations == 1

    many = [waiting(f"w{at}", "eight", "2026-01-01T00:00:00Z") for at in range(40)]
    claims = [generated(f"w{at}", 8) for at in range(40)]
    base = (device_class(), node("n"), slice_of("n", device("d")), template("eight", 8))
    run(inventory(*base, *many, *claims), evaluation)


BAD = ({"attribute": "x" * 500}, {"driver": "x" * 500}, {"label": [f"l{at}" for at in range(9)]})


@pytest.mark.parametrize("params", BAD, ids=lambda item: next(iter(item)))
def test_what_is_too_long_is_refused(inventory: Inventory, params: dict[str, Any]) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.client.get(OVERVIEW, params=params)
        assert answer.status_code == 400
        assert next(iter(params)) in answer.json()["error"]["path"]

    run(inventory(node("n")), evaluation)


def test_an_invalid_request_of_a_mix_is_left_out(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        assert (await service.get(OVERVIEW))["mix"] == []

    broken = claim("broken") | {"spec": claim_spec(class_name="no-such-class")}
    run(inventory(node("n"), slice_of("n", device("d")), broken), evaluation)


def sample(at: str, **values: float | None) -> OverviewSample:
    return OverviewSample(at, values)


def test_the_last_day_is_kept_minute_by_minute_and_answered_thinned_out(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        kept = service.app.state.service.overview_history
        for number in range(2000):
            kept.add(sample(f"t{number:04}", inUse=number, fragmentation=None))
        found = await service.get(f"{OVERVIEW}/history")
        assert len(kept) == 1440
        assert len(found["at"]) <= 288
        assert found["at"][-1] == "t1999"
        assert found["at"] == sorted(found["at"])
        series = {item["name"]: item["values"] for item in found["series"]}
        assert series["inUse"][-1] == 1999
        assert set(series["fragmentation"]) == {None}

    run(inventory(node("n")), evaluation)


def test_a_sample_has_the_numbers_of_the_overview(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        seen = await service.get(OVERVIEW)
        overview = await service.app.state.service.overviews.sample(Question())
        values = sample_of(overview, "now").values
        assert values["inUse"] == seen["total"]["inUse"] == values[f"inUse {DRIVER}"]
        assert values["pending"] == 6

    run(inventory(*cluster()), evaluation)


def test_a_sample_evaluates_no_pod(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        overviews = service.app.state.service.overviews
        sampled = await overviews.sample(Question())
        assert (sampled.waiting, overviews.evaluations) == (6, 0)
        answered = await overviews.answer(Question())
        assert (answered.waiting, overviews.evaluations > 0) == (6, True)

    run(inventory(*cluster()), evaluation)


def test_a_file_keeps_the_samples_of_a_day(tmp_path: Path) -> None:
    kept, path = OverviewHistory(), tmp_path / "history"
    for day in ("2026-01-01", "2026-01-02"):
        kept.add(sample(f"{day}T00:00:00Z", inUse=1.0))
    write(path, kept.samples())
    path.write_bytes(path.read_bytes() + b'{"at": "2026-01-03T00:00:00Z", "val')
    again = OverviewHistory()
    again.load(path.read_bytes().splitlines(), since="2026-01-01T12:00:00Z")
    assert [item.at for item in again.points()] == ["2026-01-02T00:00:00Z"]
    assert again.points()[0].values == {"inUse": 1.0}


def test_a_sample_has_the_largest_drivers_and_the_others_together(inventory: Inventory) -> None:
    objects: list[Any] = [device_class()]
    for at in range(MAX_DRIVERS + 5):
        raw = slice_of(f"n{at}", *(device(f"d{number}") for number in range(at + 1)))
        raw["spec"]["driver"] = f"d{at}.example.com"
        used = allocation(f"n{at}", "d0")
        used["devices"]["results"][0]["driver"] = raw["spec"]["driver"]
        objects += [node(f"n{at}"), raw, claim(f"c{at}") | {"status": {"allocation": used}}]

    async def evaluation(service: Asked) -> None:
        overview = await service.app.state.service.overviews.sample(Question())
        one, other = (sample_of(overview, at) for at in ("now", "then"))
        assert one.values["inUse other"] == 5
        assert one.values["inUse d5.example.com"] == 1
        assert "inUse d4.example.com" not in one.values
        assert {id(name) for name in one.values} == {id(name) for name in other.values}

    run(inventory(*objects), evaluation)


def many_drivers(at: str, number: int) -> OverviewSample:
    return OverviewSample(at, {"inUse": number, **{f"inUse d{item:05}": item for item in range(number)}})


def test_samples_from_elsewhere_have_no_more_drivers_either() -> None:
    kept, loaded = OverviewHistory(), OverviewHistory()
    kept.fill([many_drivers("t1", 30), many_drivers("t2", 30)])
    loaded.load(dump([many_drivers("t1", 30)]).splitlines(), "")
    for found in (*kept.samples(), *loaded.samples()):
        assert len(found.values) == 1 + MAX_DRIVERS + 1
        assert found.values["inUse other"] == sum(range(10))
    assert loaded.samples()[0].values == kept.samples()[0].values
    assert len(series_of([many_drivers("t1", 90), many_drivers("t2", 80)])) == 1 + MAX_DRIVERS


def test_a_dump_copies_nothing() -> None:
    samples = [many_drivers(f"t{at}", 20) for at in range(50)]
    meter = Meter()
    meter.measure(lambda: dump(samples))
    # Three for each sample, however many series it has.
    assert meter.most < 4 * len(samples)


def test_the_service_samples_itself_and_keeps_the_samples_in_the_file(
    inventory: Inventory, tmp_path: Path
) -> None:
    path = tmp_path / "history"

    async def evaluation(service: Asked) -> None:
        while not path.exists():  # noqa: ASYNC110 - the service writes it in a thread
            await asyncio.sleep(0.05)
        assert (await service.get(f"{OVERVIEW}/history"))["series"]

    run(inventory(*cluster()), evaluation, overview_history_file=path)
    assert b'"inUse"' in path.read_bytes()

    async def again(service: Asked) -> None:
        while (await service.get(f"{OVERVIEW}/history"))["source"] != "file":  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
        assert len(service.app.state.service.overview_history) >= 1

    run(inventory(*cluster()), again, overview_history_file=path)


def test_a_namespace_names_so_many_drivers_at_most(inventory: Inventory) -> None:
    objects = [device_class()]
    for number in range(MAX_GROUPS + 20):
        name, driver = f"n{number:03}", f"d{number:03}.example.com"
        slice_, using = slice_of(name, device("a"), device("b")), held(f"c{number}", name, "a", "b")
        results = using["status"]["allocation"]["devices"]["results"]
        if number < 20:
            del results[1]
        for raw in (slice_["spec"], *results):
            raw["driver"] = driver
        objects += [node(name), slice_, using]

    async def scene(service: Asked) -> None:
        (item,) = (await service.client.get(OVERVIEW)).json()["namespaces"]
        assert item["inUse"] == 2 * MAX_GROUPS + 20
        assert item["byDriver"] == {f"d{number:03}.example.com": 2 for number in range(20, MAX_GROUPS + 20)}

    run(inventory(*objects), scene)
