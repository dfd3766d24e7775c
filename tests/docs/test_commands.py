"""What the pages tell people to type works as written, without a cluster."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import helm as helm_tool
import pytest

from app.cli.application import run

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = (
    "index",
    "cli",
    "install",
    "migrate",
    "task",
    "explain",
    "faq",
    "operations",
    "what-if",
    "page",
    "cel",
    "configuration",
    "policies",
    "preemption",
)
COMMANDS = [
    pytest.param(command, id=f"{page}-{number}")
    for page in PAGES
    for number, command in enumerate(
        line
        for block in BLOCK.findall((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"))
        for line in block.strip().splitlines()
    )
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Looks like the repository to the commands, and takes what they write."""
    for name in ("examples", "charts"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def in_shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{helm_tool.folder()}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env=environment,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_works(command: str, folder: Path, served: str) -> None:
    program, *_ = shlex.split(command)
    match program:
        case "dra-extender":
            said = re.search(r"# exit code (\d)", command)
            if "serve" in command or "--server" in command:
                pytest.skip("tried with the README, and by tests/cli")
            done = in_shell(command, folder)
            assert done.returncode == (int(said[1]) if said else 0), done.stderr
            assert done.stdout
        case "make":
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE)
        case "helm":
            if not (helm_tool.folder() / "helm").exists():
                why = "Helm is not built: run `make helm`"
                if os.environ.get("CI") == "true":
                    pytest.fail(why, pytrace=False)
                pytest.skip(why)
            rendered = re.sub("helm (install|upgrade)", "helm template", command)
            rendered = re.sub(" --(create-namespace|reuse-values)", "", rendered)
            done = in_shell(f"{rendered} --kube-version 1.37.2", folder)
            assert done.returncode == 0, done.stderr
            assert "kind: Deployment" in done.stdout
        case "curl":
            asked = command.replace("curl ", "curl --fail ").replace("http://127.0.0.1:8888", served)
            assert asked.count(served) == 1
            done = in_shell(asked, folder)
            assert done.returncode == 0, done.stderr
            assert done.stdout
        case "export" | "source":
            assert in_shell(command, folder).returncode == 0
        case _:
            pytest.fail(f"nothing tries {program}")


def test_the_pages_name_commands_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    help_text = capsys.readouterr().out
    for page in (ROOT / "docs").glob("*.md"):
        for name in re.findall(
            r"^(?:dra-extender|kubectl dra) ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE
        ):
            assert f"  {name} " in help_text, page.name
