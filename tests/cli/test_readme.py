"""The README's commands work as written. Only the port is changed, since 8888 may be somebody's."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SERVE = "dra-extender serve --snapshot examples/inventory"  # what the fixture `served` runs


def commands_of(block: str) -> list[str]:
    """One command a line; a here-document or an open quote makes a block one command."""
    return [block] if "<<" in block or "-d '{\n" in block else block.strip().splitlines()


LOCAL = [
    command
    for block in BLOCKS
    for command in commands_of(block)
    if command.startswith("dra-extender ") and not command.startswith(SERVE)
]
CURLS = [command for block in BLOCKS for command in commands_of(block) if command.startswith("curl ")]
MAKES = [command for block in BLOCKS for command in commands_of(block) if command.startswith("make ")]
OTHERS = ['export PATH="$PWD/.venv/bin:$PATH"']


def environ() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
    return kept | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def in_shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env=environ(),
        check=False,
    )


def test_every_command_of_the_readme_is_tried_here() -> None:
    every = [command for block in BLOCKS for command in commands_of(block)]
    serving = [command for command in every if command.startswith(SERVE)]

    assert sorted(every) == sorted([*LOCAL, *CURLS, *MAKES, *OTHERS, *serving])
    assert serving == [SERVE]
    assert len(LOCAL) >= 5
    assert len(CURLS) >= 5


@pytest.mark.parametrize("command", MAKES)
def test_make_has_the_target(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("command", LOCAL)
def test_a_command_ends_as_the_readme_says(command: str) -> None:
    said = re.search(r"# exit code (\d)", command)

    done = in_shell(command)

    assert done.returncode == (int(said[1]) if said else 0), done.stderr
    assert done.stdout


@pytest.mark.parametrize("command", CURLS)
def test_a_request_is_answered(served: str, command: str) -> None:
    assert "http://127.0.0.1:8888" in command

    done = in_shell(command.replace("http://127.0.0.1:8888", served).replace("curl ", "curl -f ", 1))

    assert done.returncode == 0, done.stderr
    assert done.stdout


def answer_to(served: str, part: str) -> Any:
    (command,) = (command for command in CURLS if part in command)
    done = in_shell(command.replace("http://127.0.0.1:8888", served))
    return orjson.loads(done.stdout)


def test_the_readmes_dry_run_places_its_pod_on_the_free_pair(served: str) -> None:
    answer = answer_to(served, "/placements")

    (pod,) = answer["pods"]
    results = pod["claims"][0]["allocation"]["devices"]["results"]
    assert (pod["node"], [result["device"] for result in results]) == ("worker-5", ["gpu-2", "gpu-3"])


def test_the_readmes_filter_leaves_the_node_of_the_claim(served: str) -> None:
    answer = answer_to(served, "/scheduler/filter")

    assert answer["NodeNames"] == ["worker-6"]
    refused = {**(answer["FailedNodes"] or {}), **(answer["FailedAndUnresolvableNodes"] or {})}
    assert list(refused) == ["worker-1"]


def test_files_that_the_readme_links_to_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
