"""What-ifs as somebody at the page asks them."""

from playwright.sync_api import Page, expect

from tests.web.conftest import EXAMPLES

JOB = (EXAMPLES / "job-with-cats.yaml").read_text()


FOUR_GPUS = (EXAMPLES / "workloads" / "four-gpus.yaml").read_text()


def place(page: Page, text: str) -> None:
    page.get_by_label("Manifests to create").fill(text)
    page.get_by_role("button", name="Place", exact=True).click()


def headline(page: Page, text: str) -> None:
    expect(page.locator(".whatif .headline")).to_have_text(text)
