"""What if: manifests placed on the map, changes to the cluster, undone again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.web.conftest import EXAMPLES, Visit, placed_on_map

JOB = (EXAMPLES / "job-with-cats.yaml").read_text()


def place(page: Page, text: str) -> None:
    page.get_by_label("these were created").fill(text)
    page.get_by_role("button", name="Place", exact=True).click()


def headline(page: Page, text: str) -> None:
    expect(page.locator(".whatif .headline")).to_have_text(text)


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


def test_draining_and_tainting_from_the_map_change_the_answer(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, JOB)
    headline(page, "2 of 2 Pods placed")
    page.mouse.click(*placed_on_map(page, "resource-driver.example.com/worker-1/cat-0"))
    page.get_by_role("button", name="Taint in what-if").click()
    expect(page.get_by_role("button", name="Untaint in what-if")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    # One black cat less on worker-1, and the first Pod's claim keeps the second one there.
    headline(page, "1 of 2 Pods placed")
    page.locator(".placed").get_by_role("button", name="worker-1").first.click()
    page.get_by_role("button", name="Drain in what-if").click()
    page.get_by_role("button", name="Close").click()
    headline(page, "2 of 2 Pods placed")
    expect(page.locator(".placed").get_by_role("button", name="worker-2")).to_have_count(2)
    page.keyboard.press("u")
    headline(page, "1 of 2 Pods placed")
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
    place(page, JOB)
    page.get_by_label("Policy").select_option("spread")
    headline(page, "1 of 2 Pods placed")
    page.get_by_label("All or nothing").check()
    headline(page, "2 of 2 Pods placed")
    page.get_by_role("button", name="How many more?").click()
    expect(page.locator(".result")).to_contain_text("more fit")


def test_a_pod_that_does_not_fit_says_why(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, (EXAMPLES / "workloads" / "four-gpus.yaml").read_text())
    headline(page, "0 of 1 Pod placed")
    expect(page.locator(".placed .said").first).to_contain_text("0/8 nodes fit")
    page.locator(".placed summary", has_text="too few matching devices free").click()
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
    dialog = page.get_by_role("dialog", name="Policies side by side")
    expect(dialog).to_contain_text("Nodes used")
    names = dialog.get_by_role("columnheader").all_inner_texts()
    row = dialog.get_by_role("row").filter(has_text="Pods placed")
    cells = dict(zip(names[1:], row.get_by_role("cell").all_inner_texts(), strict=True))
    # spread steps into the trap of worker-3, see examples/inventory/cats.yaml.
    assert cells["binpack"] == "2 of 2"
    assert cells["spread"] == "1 of 2"


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
