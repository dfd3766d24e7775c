"""What the pages tell people to type works as written, without a cluster."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import helm as helm_tool
import pytest

from app.cli.application import run
from app.settings.settings import Settings

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = (
    "api",
    "index",
    "tutorial",
    "cli",
    "install",
    "upgrade",
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
    "versions",
    "workloads",
)
ELSEWHERE = {
    "docker": "there is no container engine; tests/image does the steps of the Dockerfile",
    "kind": "there is no container engine",
    "helm test": "needs a kubelet; tests/chart runs the program of its Pod",
    "helm uninstall": "tests/e2e/test_chart.py does, after each installation",
    "kubectl": "tests/e2e/test_task_page.py types it",
    "dra-extender": "tests/e2e/test_task_page.py types it",
}
"""Commands in blocks of ``text``, and where they are tried or why they cannot be."""
APART = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPENING_THE_PAGE = next(
    block.splitlines()
    for block in APART.findall((ROOT / "docs" / "install.md").read_text("utf-8"))
    if "port-forward" in block
)
"""Compared with the notes of the chart in tests/chart."""
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
def test_a_command_works(command: str, folder: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program, *arguments = shlex.split(command)
    match program:
        case "dra-extender" if arguments[0] == "serve":
            # It would go on for ever; the README's is started by the fixture `served`.
            started: list[Settings] = []
            monkeypatch.setattr("app.main.serve", started.append)
            monkeypatch.chdir(folder)
            assert run(arguments) == 0
            assert len(started) == 1
        case "dra-extender":
            said = re.search(r"# exit code (\d)", command)
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
            rendered = re.sub(" --(create-namespace|reset-then-reuse-values)", "", rendered)
            done = in_shell(f"{rendered} --kube-version 1.37.2", folder)
            assert done.returncode == 0, done.stderr
            assert "kind: Deployment" in done.stdout
        case "curl":
            asked = command.replace("curl ", "curl --fail ").replace("http://127.0.0.1:8888", served)
            assert asked.count(served) == 1
            done = in_shell(asked, folder)
            assert done.returncode == 0, done.stderr
            assert done.stdout
        case "kubectl":
            # The objects come from the example instead of from a cluster.
            asked, piped = command.split(" | ", 1)
            assert re.fullmatch(r"kubectl get [a-z,]+ -o yaml", asked)
            done = in_shell(f"sed -s '$a---' examples/inventory/*.yaml | {piped}", folder)
            assert done.returncode == 0, done.stderr
            assert (folder / shlex.split(piped)[-1]).read_text(encoding="utf-8")
        case "export" | "source":
            assert in_shell(command, folder).returncode == 0
        case _:
            pytest.fail(f"nothing tries {program}")


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.stem
)
def test_commands_work_in_zsh_and_on_macos_too(page: Path) -> None:
    """zsh takes an unquoted ``?`` for a pattern of names, and BSD's ``sed -i`` takes one argument more."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in (BLOCK, APART) for found in block.findall(text) for line in found.splitlines()]
    assert not [line for line in lines if re.match(r"curl [^'\"]*\?", line)]
    assert not [line for line in lines if line.startswith("sed -i")]


def test_every_page_with_commands_is_tried() -> None:
    pages = {page.stem for page in (ROOT / "docs").glob("*.md") if BLOCK.search(page.read_text("utf-8"))}
    assert pages == set(PAGES)


def test_what_is_not_tried_here_is_tried_elsewhere_or_cannot_be() -> None:
    apart = [
        line
        for page in (ROOT / "docs").glob("*.md")
        for block in APART.findall(page.read_text("utf-8"))
        for line in block.strip().splitlines()
    ]
    left = [line for line in apart if not line.startswith(tuple(f"{name} " for name in ELSEWHERE))]
    assert left == []
    typed = [
        line
        for line in apart
        if line.startswith(("kubectl ", "dra-extender ")) and line not in OPENING_THE_PAGE
    ]
    task = "".join(APART.findall((ROOT / "docs" / "task.md").read_text("utf-8")))
    assert "".join(f"{line}\n" for line in typed) == task, "only that page's are typed in a cluster"


def test_the_pages_name_commands_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    help_text = capsys.readouterr().out
    for page in (ROOT / "docs").glob("*.md"):
        for name in re.findall(
            r"^(?:dra-extender|kubectl dra) ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE
        ):
            assert f"  {name} " in help_text, page.name
