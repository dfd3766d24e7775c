"""The image, as far as it can be checked without a container engine: its build steps, run in a folder."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = "/app"


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, continued lines joined and comments left out."""
    lines = [
        line for line in (REPOSITORY / "Dockerfile").read_text().splitlines() if not line.startswith("#")
    ]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (name, rest.strip())
        for name, _, rest in (line.partition(" ") for line in joined.splitlines())
        if name
    ]


def stage(number: int) -> list[tuple[str, str]]:
    starts = [index for index, (name, _) in enumerate(instructions()) if name == "FROM"]
    return instructions()[starts[number] : [*starts, None][number + 1]]


def of(name: str, number: int) -> list[str]:
    return [arguments for instruction, arguments in stage(number) if instruction == name]


def pinned_uv() -> str:
    found = re.search(r"^UV_VERSION := (\S+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def test_uv_is_the_one_of_the_makefile() -> None:
    assert any(f"uv=={pinned_uv()}" in run for run in of("RUN", 0))


def test_both_stages_are_of_one_base() -> None:
    bases = [of("FROM", number)[0].split()[0] for number in (0, 1)]
    assert bases[0] == bases[1]
    assert re.fullmatch(r"python:[\w.-]+@sha256:[0-9a-f]{64}", bases[0])


def test_the_image_has_the_projects_version() -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert f"VERSION={version}" in of("ARG", 1)


def test_it_runs_as_a_user_that_is_not_root_by_number() -> None:
    assert of("USER", 1) == ["65532:65532"]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    rules = (REPOSITORY / ".dockerignore").read_text().splitlines()
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {source for copy in of("COPY", 0) for source in copy.split()[:-1]}
    assert "*" in rules
    assert copied == kept
    assert all((REPOSITORY / source).exists() for source in copied)


class Alive(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the base class's name
        self.send_response(200 if self.path == "/livez" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def healthy(port: int) -> bool:
    """What the image's health check finds at a port."""
    (check,) = of("HEALTHCHECK", 1)
    _, *command = json.loads(check.partition("CMD ")[2])
    environment = os.environ | {"DRA_PORT": str(port)}
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
def test_health_is_asked_for_at_the_port_that_is_served(secured: bool) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Alive) as server:
        if secured:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert("elsewhere.example.com").configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert healthy(server.server_port)
        server.shutdown()
        thread.join()
    assert not healthy(server.server_port)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build stage's COPY and `uv sync` steps, done in a folder in place of /app."""
    home = tmp_path_factory.mktemp("image")
    uv = REPOSITORY / ".cache" / f"uv-{pinned_uv()}" / "bin" / "uv"
    assert uv.exists(), "make dev sets uv up"
    for name, arguments in stage(0):
        if name == "COPY":
            *sources, target = arguments.split()
            for source in sources:
                copy(REPOSITORY / source, home / target)
        elif name == "RUN" and arguments.startswith("uv "):
            # Neither the shared cache nor the byte code matter to what is installed.
            environment = os.environ | {"UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never"}
            environment.pop("VIRTUAL_ENV", None)
            subprocess.run(
                [uv, *shlex.split(arguments)[1:]], cwd=home, env=environment, check=True, capture_output=True
            )
    shutil.rmtree(home / "app")  # the next stage takes the environment alone
    return home / ".venv"


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=lambda _, names: fnmatch.filter(names, "__pycache__"))
    else:
        shutil.copy(source, target)


def test_the_environment_stands_without_the_sources(built: Path) -> None:
    done = subprocess.run(
        [
            built / "bin" / "python",
            "-I",
            "-c",
            "import dra_extender.core.model.parse as parse; print(parse.__file__)",
        ],
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(done.stdout.strip()).is_relative_to(built)


def test_it_holds_the_entry_point_and_no_tools(built: Path) -> None:
    assert of("ENTRYPOINT", 1) == ['["dra-extender"]']
    programs = {path.name for path in (built / "bin").iterdir()}
    assert {"dra-extender", "kubectl-dra", "python"} <= programs
    assert not programs & {"pytest", "ruff", "mypy", "locust", "pip"}
    assert of("COPY", 1) == [f"--from=build {HOME}/.venv {HOME}/.venv"]
    assert of("WORKDIR", 0) == [HOME]


def test_the_package_has_a_name_that_collides_with_no_other(built: Path) -> None:
    (packages,) = built.glob("lib/python*/site-packages")
    assert (packages / "dra_extender").is_dir()
    assert not (packages / "app").exists()
    changed = [file.read_text("utf-8") for file in (packages / "dra_extender").rglob("*.py")]
    assert [text for text in changed if re.search(r"^\s*(?:from|import) app[.\s]", text, re.MULTILINE)] == []


@pytest.mark.parametrize("name", ["dra-extender", "kubectl-dra"])
def test_the_programs_of_the_package_work(built: Path, name: str) -> None:
    examples = REPOSITORY / "examples"
    done = subprocess.run(
        [
            built / "bin" / name,
            "plan",
            "-f",
            examples / "job-with-cats.yaml",
            "--snapshot",
            examples / "inventory",
        ],
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "Pods placed" in done.stderr) == (0, True), done.stderr
