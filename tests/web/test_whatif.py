"""What if: manifests placed on the map, changes to the cluster, undone again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Request, expect

from tests.packed import OBJECTS, PAIR, running
from tests.web.conftest import Visit, placed_on_map
from tests.web.what_ifs import FOUR_GPUS, JOB, headline, place


def planned(page: Page) -> set[str]:
    return set(page.evaluate("() => [...globalThis.draExtender.map.planned.keys()]"))


def test_manifests_are_placed_on_the_map_and_undone(visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = seen.open("#/whatif")
    place(page, JOB)
    headline(page, "2 of 2 Pods placed")
    assert planned(page) == {
        f"resource-driver.example.com/worker-1/{name}" for name in ("cat-0", "cat-1", "blue-0")
    }
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".whatif .headline")).to_be_hidden()
    assert planned(page) == set()
    assert not seen.served.service.state.keys("Pod") & {("default", "job-with-cats-0")}


def test_a_score_says_what_it_is_made_of(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, JOB)
    headline(page, "2 of 2 Pods placed")
    score = page.locator(".placed .score").first
    expect(score.locator("li")).to_be_hidden()
    score.locator("summary").click()
    expect(score.locator("li")).to_contain_text("binpack: 0.5, ")


def test_draining_and_tainting_from_the_map_change_the_answer(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, JOB)
    headline(page, "2 of 2 Pods placed")
    page.mouse.click(*placed_on_map(page, "resource-driver.example.com/worker-1/cat-0"))
    page.get_by_role("button", name="Taint in what-if").click()
    expect(page.get_by_role("button", name="Untaint in what-if")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    # One black cat less on worker-1: both Pods go where both have room.
    expect(page.locator(".placed").get_by_role("button", name="worker-2")).to_have_count(2)
    headline(page, "2 of 2 Pods placed")
    page.locator(".placed").get_by_role("button", name="worker-2").first.click()
    page.get_by_role("button", name="Drain in what-if").click()
    page.get_by_role("button", name="Close").click()
    headline(page, "1 of 2 Pods placed")
    page.keyboard.press("u")
    headline(page, "2 of 2 Pods placed")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".whatif")).to_contain_text("Add a workload to see")


def test_a_drained_node_s_pods_are_placed_again(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif?node=worker-5")
    page.get_by_role("button", name="Drain in what-if").click()
    page.get_by_role("button", name="Close").click()
    headline(page, "0 of 1 Pod placed")
    expect(page.locator(".placed")).to_contain_text("llm-training-0")
    expect(page.locator(".placed")).to_contain_text("from worker-5")


def test_all_or_nothing_and_how_many_more(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    assert "parallelism: 2" in JOB
    place(page, JOB.replace("parallelism: 2", "parallelism: 4"))
    headline(page, "3 of 4 Pods placed")
    page.get_by_label("All or nothing").check()
    headline(page, "0 of 4 Pods placed")
    page.get_by_role("button", name="How many more?").click()
    expect(page.locator(".result")).to_contain_text("more fit")


def test_a_pod_that_does_not_fit_says_why(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, FOUR_GPUS)
    headline(page, "0 of 1 Pod placed")
    expect(page.locator(".placed .said").first).to_contain_text("0/8 nodes fit")
    page.locator(".placed summary", has_text="too few free matching devices").click()
    expect(page.locator(".placed")).to_contain_text("2 in use by ml-team/llm-training")
    expect(page.locator(".placed .near")).to_contain_text("worker-5")


def test_text_that_is_no_manifest_is_refused_with_its_place(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, "kind: Pod\n  name: x: y")
    expect(page.get_by_role("alert")).to_contain_text("manifests:2:")
    place(page, "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {resourceClaims: 1}")
    expect(page.get_by_role("alert")).to_contain_text("spec.resourceClaims")


def test_policies_side_by_side(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, JOB)
    headline(page, "2 of 2 Pods placed")
    page.get_by_role("button", name="Compare policies").click()
    dialog = page.get_by_role("dialog", name="Comparison of policies")
    expect(dialog).to_contain_text("Nodes used")
    names = dialog.get_by_role("columnheader").all_inner_texts()
    row = dialog.get_by_role("row").filter(has_text="Pods placed")
    cells = dict(zip(names[1:], row.get_by_role("cell").all_inner_texts(), strict=True))
    # No policy steps into the trap of worker-3, see examples/inventory/cats.yaml.
    assert (cells["binpack"], cells["spread"]) == ("2 of 2", "2 of 2")


def test_a_what_if_is_shared_by_its_url(visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = seen.open("#/whatif")
    place(page, JOB)
    headline(page, "2 of 2 Pods placed")
    copy = visit(served=seen.served).open("#" + page.url.partition("#")[2])
    headline(copy, "2 of 2 Pods placed")
    assert planned(copy) == planned(page)
    damaged = visit(served=seen.served).open("#/whatif?whatif=AAAA")
    expect(damaged.locator(".whatif")).to_contain_text("Add a workload")


def test_files_can_be_opened_and_dropped(visit: Callable[..., Visit], tmp_path: Path) -> None:
    page = visit().open()
    file = tmp_path / "job.yaml"
    file.write_text(JOB)
    page.evaluate(
        """text => {
          const data = new DataTransfer();
          data.items.add(new File([text], "job.yaml"));
          const options = { dataTransfer: data, bubbles: true, cancelable: true };
          document.body.dispatchEvent(new DragEvent("drop", options));
        }""",
        JOB,
    )
    headline(page, "2 of 2 Pods placed")
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Manifest files").set_input_files(file)
    headline(page, "2 of 2 Pods placed")


def asked(page: Page) -> list[Any]:
    """The dry runs that the page asks for from now on, as they come."""
    found: list[Any] = []

    def heard(request: Request) -> None:
        if request.url.endswith("/api/v1/placements"):
            found.append(request.post_data_json)

    page.on("request", heard)
    return found


def test_more_nodes_are_added_and_taken_out_again(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, FOUR_GPUS)
    headline(page, "0 of 1 Pod placed")
    page.get_by_label("Add nodes like").fill("worker-5")
    page.get_by_label("Number", exact=True).fill("2")
    page.get_by_role("button", name="Add", exact=True).click()
    headline(page, "1 of 1 Pod placed")
    # A node that there is not on the map leads nowhere.
    card = page.locator(".placed li").first
    expect(card).to_contain_text("on worker-5-more-1 (added) with gpu-0, gpu-1, gpu-2, gpu-3")
    expect(card.get_by_role("button")).to_have_count(0)
    expect(page.locator(".changes")).to_contain_text("2 Nodes like worker-5")
    page.get_by_role("button", name="Remove 2 Nodes like worker-5").click()
    headline(page, "0 of 1 Pod placed")
    page.get_by_role("button", name="Undo").click()
    headline(page, "1 of 1 Pod placed")


def test_one_more_node_from_its_panel(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/map?node=worker-5")
    page.get_by_role("button", name="Add a node like it in what-if").click()
    page.get_by_role("button", name="Add a node like it in what-if").click()
    expect(page.get_by_role("complementary")).to_contain_text("The what-if has 2 more like it.")
    expect(page.locator(".plan-bar")).to_contain_text("2 nodes added")


def test_a_node_that_there_is_not_is_said_to_be_missing(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, FOUR_GPUS)
    headline(page, "0 of 1 Pod placed")
    page.get_by_label("Add nodes like").fill("worker-500")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Node worker-500 not found (addNodes[0])")


def test_a_claim_is_freed_as_a_near_miss_says(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, FOUR_GPUS)
    miss = page.locator(".near li", has_text="if claim ml-team/llm-training were released")
    miss.get_by_role("button", name="Try it").click()
    headline(page, "1 of 1 Pod placed")
    expect(page.locator(".changes")).to_contain_text("ResourceClaim ml-team/llm-training")
    page.locator(".placed").get_by_role("button", name="gpu-0").click()
    page.get_by_role("button", name="Keep in what-if").click()
    page.get_by_role("button", name="Close").click()
    headline(page, "0 of 1 Pod placed")


def test_policies_with_weights(visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = seen.open("#/whatif")
    place(page, JOB)
    headline(page, "2 of 2 Pods placed")
    requests = asked(page)
    page.get_by_label("Policy").select_option("with weights …")
    weights = page.get_by_role("group", name="Weights")
    expect(weights.get_by_label("binpack")).to_have_value("1")  # what counted before
    headline(page, "2 of 2 Pods placed")
    weights.get_by_label("spread").fill("2.5")
    with page.expect_response(lambda response: response.url.endswith("/api/v1/placements")):
        weights.get_by_label("spread").press("Enter")
    headline(page, "2 of 2 Pods placed")
    assert requests[-1]["policy"] == "binpack=1,spread=2.5"
    page.get_by_role("button", name="Compare policies").click()
    dialog = page.get_by_role("dialog", name="Comparison of policies")
    expect(dialog.get_by_role("columnheader", name="binpack=1,spread=2.5")).to_be_visible()
    page.keyboard.press("Escape")
    # Who gets the link sees the same, weights and all.
    copy = visit(served=seen.served).open("#" + page.url.partition("#")[2])
    headline(copy, "2 of 2 Pods placed")
    expect(copy.get_by_role("group", name="Weights").get_by_label("spread")).to_have_value("2.5")
    copy.get_by_label("Policy").select_option("binpack")
    headline(copy, "2 of 2 Pods placed")
    expect(copy.get_by_role("group", name="Weights")).to_be_hidden()


def test_whom_preemption_would_evict(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, FOUR_GPUS.replace("restartPolicy: Never", "priority: 1000"))
    headline(page, "0 of 1 Pod placed")
    page.get_by_label("Show which Pods preemption would evict").check()
    expect(page.locator(".placed")).to_contain_text(
        "would evict ml-team/llm-training-0 (priority 0) from worker-5"
    )


def test_which_pods_to_move(visit: Callable[..., Visit]) -> None:
    seen = visit(*OBJECTS, *running("x", "n1", "a"), *running("y", "n2", "b"))
    page = seen.open("#/whatif")
    before = seen.served.service.state.revision
    plan = page.get_by_role("button", name="Which Pods to move?")
    expect(plan).to_be_disabled()
    place(page, json.dumps(PAIR))
    headline(page, "0 of 1 Pod placed")
    plan.click()
    card = page.get_by_role("region", name="Pods to move")
    expect(card.get_by_role("listitem")).to_have_text(["default/x from n1 to n2 a"])
    expect(card).to_contain_text("1 Pod(s) to move: no fewer are enough")
    expect(card).to_contain_text("Then these fit: default/p on n1")
    assert seen.served.service.state.revision == before
    card.get_by_role("listitem").get_by_role("button", name="n2").click()
    expect(page.get_by_role("complementary").get_by_role("heading", name="n2")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    # The plan is for what was placed.
    page.get_by_role("button", name="Clear").click()
    expect(card).to_be_hidden()


def test_that_no_moves_help_is_said_with_the_pods_that_stay(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, FOUR_GPUS)
    headline(page, "0 of 1 Pod placed")
    page.get_by_role("button", name="Which Pods to move?").click()
    card = page.get_by_role("region", name="Pods to move")
    expect(card).to_contain_text("not even moving all Pods that may move away would make room")
    expect(card).to_contain_text("Pods that stay: ")
    expect(card.get_by_role("listitem")).to_have_count(0)
