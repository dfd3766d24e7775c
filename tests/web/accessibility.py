"""What axe finds on a page."""

from axe_playwright_python.sync_playwright import Axe

from tests.web.conftest import Visit


def violations(seen: Visit) -> list[str]:
    found = Axe().run(seen.page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for rule in found
        for node in rule["nodes"]
    ]
