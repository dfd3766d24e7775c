"""``demo``: the page's Job through the real webhooks, and the one Pod that fits nowhere."""

import asyncio
import itertools
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.cli.demo_scheduler import ExtenderError, Scheduled, Scheduler

if TYPE_CHECKING:
    from conftest import Cli, Ran

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shown(cli: "Cli") -> "Ran":
    return cli("demo")


def rows_of(ran: "Ran", start: str) -> list[list[str]]:
    return [re.split(r"  +", line.strip()) for line in ran.out.splitlines() if line.startswith(start)]


def test_every_pod_of_the_job_is_bound(shown: "Ran") -> None:
    rows = rows_of(shown, "job-with-cats-")

    assert shown.code == 0, shown.err
    assert [row[0] for row in rows] == [f"job-with-cats-{index}" for index in range(10)]
    assert {row[1] for row in rows} == {"worker-1"}


def test_two_pods_at_a_time_have_a_cat_each_and_share_the_blue_device(shown: "Ran") -> None:
    devices = [row[2] for row in rows_of(shown, "job-with-cats-")]

    cats, blues = zip(*(text.split("; ") for text in devices), strict=True)
    assert all(first != second for first, second in itertools.pairwise(cats))
    assert set(blues) == {"cat-1: worker-1/blue-0"}


def test_the_pod_that_fits_nowhere_is_told_why_by_every_node_asked(shown: "Ran") -> None:
    rows = rows_of(shown, "worker-")

    # worker-8 is cordoned: kube-scheduler does not ask about it.
    assert [row[0] for row in rows] == [f"worker-{number}" for number in range(1, 8)]
    assert all(len(row) == 2 and row[1] for row in rows)
    assert "taint" in dict(rows)["worker-4"]


def test_what_it_says_to_try_next_works(cli: "Cli", shown: "Ran") -> None:
    hints = [line.split()[1:] for line in shown.out.partition("Next:")[2].splitlines() if line]

    tried = [cli(*hint) for hint in hints if "--keep" not in hint]
    assert len(tried) >= 3
    assert {ran.code for ran in tried} <= {0, 1}
    assert all(ran.out for ran in tried)


def test_a_port_that_is_taken_is_said_so(cli: "Cli", served: str) -> None:
    ran = cli("demo", "--port", served.rpartition(":")[2])

    assert ran.code == 2
    assert "choose another port with --port" in ran.err


def test_keep_leaves_the_page_open_until_it_is_interrupted() -> None:
    program = Path(sys.executable).with_name("dra-extender")
    process = subprocess.Popen(
        [str(program), "demo", "--keep"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "http://" in line)
        url = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert url is not None
        claims = httpx.get(f"{url[0]}/api/v1/claims", trust_env=False).json()["items"]
        assert {"job-with-cats-8-cat-0", "job-with-cats-9-cat-0"} <= {claim["name"] for claim in claims}
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=30) in (0, 130)
        assert "Traceback" not in rest
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


POD = {"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": {}}


def schedule(answers: dict[str, Any], nodes: list[str]) -> tuple[Scheduled, list[tuple[str, Any]]]:
    """Schedules one Pod with an extender that answers so; what it was asked."""
    asked: list[tuple[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        verb = request.url.path.rpartition("/")[2]
        asked.append((verb, json.loads(request.content)))
        found = answers[verb]
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    async def run() -> Scheduled:
        transport = httpx.MockTransport(answer)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await Scheduler(client).schedule(POD, nodes)

    return asyncio.run(run()), asked


FITS_TWO = {"NodeNames": ["a", "b"], "FailedNodes": {"c": "no"}, "Error": ""}


def test_filter_prioritize_and_bind_come_in_this_order() -> None:
    scores = [{"Host": "a", "Score": 2}, {"Host": "b", "Score": 9}]

    done, asked = schedule({"filter": FITS_TWO, "prioritize": scores, "bind": {"Error": ""}}, ["a", "b", "c"])

    assert asked == [
        ("filter", {"Pod": POD, "Nodes": None, "NodeNames": ["a", "b", "c"]}),
        ("prioritize", {"Pod": POD, "Nodes": None, "NodeNames": ["a", "b"]}),
        ("bind", {"PodName": "p", "PodNamespace": "ns", "PodUID": "u", "Node": "b"}),
    ]
    assert (done.node, done.score, done.refusals) == ("b", 9, {"c": "no"})


def test_where_one_node_fits_no_scores_are_asked_for() -> None:
    done, asked = schedule({"filter": {"NodeNames": ["a"]}, "bind": {}}, ["a"])

    assert [verb for verb, _ in asked] == ["filter", "bind"]
    assert done.node == "a"


def test_where_none_fits_nothing_is_bound() -> None:
    refused = {"NodeNames": None, "FailedNodes": {"a": "x"}, "FailedAndUnresolvableNodes": {"b": "y"}}

    done, asked = schedule({"filter": refused}, ["a", "b"])

    assert [verb for verb, _ in asked] == ["filter"]
    assert (done.node, done.refusals) == (None, {"a": "x", "b": "y"})


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"filter": httpx.Response(503, text="later")}, "filter returned status 503: later"),
        ({"filter": {"Error": "broken"}}, "filter: broken"),
        ({"filter": {"NodeNames": ["a"]}, "bind": {"Error": "taken"}}, "bind: taken"),
    ],
    ids=["status", "error of filter", "error of bind"],
)
def test_errors_of_the_extender_are_told(answers: dict[str, Any], message: str) -> None:
    with pytest.raises(ExtenderError, match=message):
        schedule(answers, ["a"])
