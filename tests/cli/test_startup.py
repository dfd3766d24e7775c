"""What is asked often answers at once: --help and --version load nothing that they do not need."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli

EXAMPLES = Path(__file__).parents[2] / "examples"
HEAVY = (
    "aiohttp",
    "asyncio",
    "fastapi",
    "httpx",
    "kubernetes",
    "multiprocessing",
    "orjson",
    "pydantic",
    "rich",
    "ruamel",
    "yaml",
)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"import sys; from app.cli.application import run; run({arguments}); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = done.stdout.splitlines()[-1]
    assert [name for name in (*HEAVY, "app.core.model", "app.api") if f"'{name}'" in loaded] == []


def modules_of(*arguments: str) -> set[str]:
    """What a command has imported when it ends."""
    code = f"""import atexit, sys
atexit.register(lambda: print("", *sys.modules, sep="\\n", file=sys.stderr))
sys.argv = ["dra-extender", *{arguments}]
from app.cli import main
main()"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return set(done.stderr.split())


NEVER = {
    *("aiohttp", "celpy", "kubernetes", "lark", "uvicorn"),
    *("app.cli.import_csv", "multiprocessing"),
    *("pydantic.v1.main", "pygments", "rich"),
}
"""What only a cluster, a listening server, --cel-engine reference or import-csv needs, or nothing here."""
HTTP2 = {"h2", "hpack", "hyperframe"}
STARTS = {
    "a service that is asked": (("devices", "--server", "http://127.0.0.1:1"), {"fastapi", "pydantic"}, 350),
    "a snapshot": (
        ("devices", "--snapshot", str(EXAMPLES / "inventory")),
        {"app.cluster.auth.credentials"},
        956,
    ),
    "a snapshot and a workload": (
        ("plan", "-f", str(EXAMPLES / "job-with-cats.yaml"), "--snapshot", str(EXAMPLES / "inventory")),
        set[str](),
        984,
    ),
}


@pytest.mark.parametrize(("arguments", "besides", "most"), STARTS.values(), ids=STARTS)
def test_a_command_imports_what_it_needs(arguments: tuple[str, ...], besides: set[str], most: int) -> None:
    """The number stands for the time, which differs from machine to machine: about 1 ms a module."""
    # httpx imports HTTP/2 if the extra `expander` is installed, as it is for these tests.
    loaded = {name for name in modules_of(*arguments) if name.split(".")[0] not in HTTP2}
    assert loaded & (NEVER | besides) == set()
    assert 100 < len(loaded) <= most


def test_a_cluster_read_once_needs_a_client_besides(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("""
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
""")
    loaded = modules_of("devices", "--kubeconfig", str(kubeconfig))
    assert loaded & NEVER == {"aiohttp"}
    assert {"app.wiring.from_files", "app.wiring.from_cluster"} & loaded == {"app.wiring.from_files"}
    assert len(loaded) <= 1059


def test_the_reference_engine_is_imported_by_the_first_selector_that_asks_for_it() -> None:
    code = """import sys
from app.core.selectors import SelectorCache
from app.core.selectors.selector import compile_selector
compile_selector("true")
before = "celpy" in sys.modules
compile_selector("true", engine="reference")
print(before, "celpy" in sys.modules)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("name", ["dra-extender", "kubectl-dra"])
def test_both_programs_are_installed(program: "Cli", name: str) -> None:
    ran = program("--version", name=name)

    assert ran.code == 0
    assert ran.out.startswith("dra-extender ")


def test_kubectl_dra_calls_itself_so(program: "Cli") -> None:
    assert "Usage: kubectl dra check" in program("check", "-h", name="kubectl-dra").out


def test_help_names_every_command(program: "Cli") -> None:
    ran = program("--help")

    listed = [line.split()[0] for line in ran.out.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == [
        "serve",
        "demo",
        "plan",
        "explain",
        "repack",
        "top",
        "pods",
        "claims",
        "devices",
        "nodes",
        "pools",
        "classes",
        "decisions",
        "simulate",
        "snapshot",
        "check",
        "convert",
        "migrate",
        "completion",
        "options",
        "version",
    ]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    program = Path(sys.executable).with_name("dra-extender")
    file = Path(__file__).parents[2] / "examples/dra-task-page.yaml"

    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {program} convert -f {file} {file} {file} {file} | head -n1"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
