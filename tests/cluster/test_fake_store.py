"""The fake's own rules, as seen on kube-apiserver 1.37.2: what other tests rest on."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.fake_store import Place, StatusError, Store

CLAIM = Place("resource.k8s.io", "resourceclaims", "d", "c")
ALLOCATION = {"devices": {"results": [{"request": "r", "driver": "d", "pool": "p", "device": "x"}]}}
OTHER = {"devices": {"results": [{"request": "r", "driver": "d", "pool": "p", "device": "y"}]}}


def users(count: int) -> list[dict[str, str]]:
    return [{"resource": "pods", "name": f"p{n}", "uid": f"u{n}"} for n in range(count)]


def with_status(**status: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda old: {**old, "status": status}


@pytest.fixture
def store() -> Store:
    store = Store()
    store.create(CLAIM, {"spec": {"x": 1}, "status": {"allocation": ALLOCATION}})
    return store


def test_claim_is_created_without_the_status_it_came_with(store: Store) -> None:
    assert store.find(CLAIM)["status"] == {}


def test_status_and_the_rest_are_written_apart(store: Store) -> None:
    store.update(CLAIM, lambda old: {**old, "status": {"allocation": ALLOCATION}, "spec": {"x": 2}})
    assert (store.find(CLAIM)["status"], store.find(CLAIM)["spec"]) == ({}, {"x": 2})
    change = with_status(allocation=ALLOCATION)
    finalizers = {"finalizers": ["a/b"]}
    store.update(CLAIM, lambda old: {**change(old), "metadata": {**old["metadata"], **finalizers}}, "status")
    assert store.find(CLAIM)["status"] == {"allocation": ALLOCATION}
    assert "finalizers" not in store.find(CLAIM)["metadata"]


def test_change_that_changes_nothing_makes_no_version(store: Store) -> None:
    before = store.version
    store.update(CLAIM, lambda old: old)
    assert (store.version, len(store.history)) == (before, 1)


REFUSED = {
    "reserved without allocation": ({}, {"reservedFor": users(1)}),
    "another allocation": ({"allocation": ALLOCATION}, {"allocation": OTHER}),
    "257 users": ({"allocation": ALLOCATION}, {"allocation": ALLOCATION, "reservedFor": users(257)}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_claim_status_that_the_api_server_refuses(name: str, store: Store) -> None:
    before, after = REFUSED[name]
    store.update(CLAIM, with_status(**before), "status")
    with pytest.raises(StatusError) as caught:
        store.update(CLAIM, with_status(**after), "status")
    assert caught.value.status == 422
    assert store.find(CLAIM)["status"] == before


def test_allocation_can_be_cleared_and_256_may_share_it(store: Store) -> None:
    full = {"allocation": ALLOCATION, "reservedFor": users(256)}
    store.update(CLAIM, with_status(**full), "status")
    store.update(CLAIM, with_status(), "status")
    assert store.find(CLAIM)["status"] == {}


def test_deleted_claim_stays_until_its_finalizer_goes_and_takes_no_new_users(store: Store) -> None:
    store.update(CLAIM, lambda old: {**old, "metadata": {**old["metadata"], "finalizers": ["a/b"]}})
    store.update(CLAIM, with_status(allocation=ALLOCATION, reservedFor=users(2)), "status")
    store.delete(CLAIM)
    store.delete(CLAIM)
    store.update(CLAIM, with_status(allocation=ALLOCATION, reservedFor=users(1)), "status")
    with pytest.raises(StatusError):
        store.update(CLAIM, with_status(allocation=ALLOCATION, reservedFor=users(2)), "status")
    assert [change.type for change in store.history] == ["ADDED", *["MODIFIED"] * 4]
    store.update(CLAIM, lambda old: {**old, "metadata": {**old["metadata"], "finalizers": []}})
    assert store.history[-1].type == "DELETED"
    with pytest.raises(StatusError):
        store.find(CLAIM)


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
def test_write_on_another_object_or_version_conflicts(field: str, store: Store) -> None:
    stale = {"metadata": {field: "1"}}
    for write in (lambda: store.update(CLAIM, lambda _: stale), lambda: store.delete(CLAIM, {field: "1"})):
        with pytest.raises(StatusError) as caught:
            write()
        assert (caught.value.status, caught.value.reason) == (409, "Conflict")


def test_history_keeps_what_each_object_was(store: Store) -> None:
    store.update(CLAIM, with_status(allocation=ALLOCATION), "status")
    store.update(CLAIM, with_status(), "status")
    assert [change.object["status"] for change in store.history] == [{}, {"allocation": ALLOCATION}, {}]
    assert [change.version for change in store.history] == [101, 102, 103]


def test_pod_that_is_going_or_bound_is_not_bound() -> None:
    store = Store()
    pod = Place("", "pods", "d", "p")
    store.create(pod, {"metadata": {"finalizers": ["a/b"]}, "spec": {}})
    with pytest.raises(StatusError, match="uid differs"):
        store.bind(pod, {"metadata": {"uid": "other"}, "target": {"name": "n"}})
    store.bind(pod, {"target": {"name": "n"}})
    with pytest.raises(StatusError, match="already assigned"):
        store.bind(pod, {"target": {"name": "n"}})
    store.delete(pod)
    with pytest.raises(StatusError, match="being deleted"):
        store.bind(pod, {"target": {"name": "n"}})
