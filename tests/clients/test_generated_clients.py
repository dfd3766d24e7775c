"""Clients that generators make of /openapi.json ask a running service, as other programs would."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gobuild
import httpx
import pytest

from app.main import create_app
from app.settings.settings import Settings
from tests.cli.conftest import served as served  # noqa: PLC0414 - a fixture by its own name

ROOT = Path(__file__).parents[2]
GO = Path(__file__).parent / "go"
OAPI_CODEGEN = "github.com/oapi-codegen/oapi-codegen/v2"
VERSIONS = ("openapi.json", "openapi-3.0.json")
PENDING = ("ml-team", "llm-training-0")
"""A Pod of examples/inventory."""


def operations() -> set[str]:
    paths = create_app(Settings(snapshot=("x",))).openapi()["paths"]
    return {operation["operationId"] for methods in paths.values() for operation in methods.values()}


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@pytest.fixture(params=VERSIONS)
def document(request: pytest.FixtureRequest, served: str, tmp_path: Path) -> Path:
    """The document in a file, as the service returns it."""
    path = tmp_path / "openapi.json"
    path.write_bytes(httpx.get(f"{served}/{request.param}", trust_env=False).content)
    return path


@pytest.fixture
def python_client(document: Path, tmp_path: Path) -> Iterator[Path]:
    """The package that openapi-python-client generates, importable as ``dra_client``."""
    target = tmp_path / "python" / "dra_client"
    target.parent.mkdir()
    tool = Path(sys.executable).with_name("openapi-python-client")
    done = subprocess.run(
        [
            tool,
            "generate",
            "--path",
            document,
            "--meta",
            "none",
            "--output-path",
            target,
            "--fail-on-warning",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        # It formats what it makes with ruff, which is beside it.
        env=os.environ | {"PATH": f"{tool.parent}:{os.environ['PATH']}"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(target.parent))
    yield target
    sys.path.remove(str(target.parent))
    for name in [name for name in sys.modules if name.partition(".")[0] == "dra_client"]:
        del sys.modules[name]


def test_a_python_client_has_every_operation(python_client: Path) -> None:
    made = {path.stem for path in python_client.glob("api/*/*.py")} - {"__init__"}
    assert made == {snake(name) for name in operations()}


@pytest.mark.usefixtures("python_client")
def test_a_python_client_asks_a_running_service(served: str) -> None:
    with importlib.import_module("dra_client").Client(base_url=served) as client:
        ask(client, served)


def ask(client: Any, served: str) -> None:
    models = importlib.import_module("dra_client.models")
    objects = [models.KubernetesObject.from_dict(item) for item in (POD, TEMPLATE)]

    def call(name: str, *path: str, **arguments: Any) -> Any:
        return importlib.import_module(f"dra_client.api.{name}").sync(*path, client=client, **arguments)

    placed = call("dry_runs.place_pods", body=models.PlacementRequest(pods=objects[:1], objects=objects[1:]))
    assert placed.placed == 1
    assert placed.pods[0].claims[0].allocation.devices.results[0].driver == "gpu.example.com"
    room = call("dry_runs.count_capacity", body=models.CapacityRequest(pod=objects[0], objects=objects[1:]))
    assert room.fits == asked(served, "capacity", {"pod": POD, "objects": [TEMPLATE]})["fits"] > 0
    why = call("dry_runs.explain_pod", *PENDING)
    assert why.summary == "the Pod is on node worker-5"
    page = call("inventory.list_devices", driver="gpu.example.com", limit=2)
    assert [item.driver for item in page.items] == ["gpu.example.com"] * 2
    refused = call("dry_runs.place_pods", body=models.PlacementRequest(pods=objects[:1], replicas=-1))
    assert (refused.error.code, refused.error.path) == ("InvalidField", "replicas")


@pytest.fixture(scope="session")
def oapi_codegen() -> Path:
    """The generator of Go clients, built from its module once; without Go skipped, but not in CI."""
    target = ROOT / ".cache" / "oapi-codegen"
    version = gobuild.module_version(GO, OAPI_CODEGEN)
    program = gobuild.Program("oapi-codegen", f"{OAPI_CODEGEN}/cmd/oapi-codegen", version)
    uv = Path(os.environ["UV"]) if "UV" in os.environ else None
    try:
        gobuild.build(GO, target, (program,), uv=uv)
    except gobuild.BuildError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no oapi-codegen: {error}")
    return target / "oapi-codegen"


def test_a_go_client_asks_a_running_service(
    document: Path, served: str, oapi_codegen: Path, tmp_path: Path
) -> None:
    module = tmp_path / "go"
    shutil.copytree(GO, module)
    (module / "dra").mkdir()
    client = module / "dra" / "client.go"
    done = subprocess.run(
        [oapi_codegen, "-generate", "types,client", "-package", "dra", "-o", client, document],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    methods = client.read_text(encoding="utf-8")
    assert all(f") {name[0].upper()}{name[1:]}WithResponse(" in methods for name in operations())

    go = gobuild.find_go((1, 25), uv=None)
    ran = subprocess.run(
        [go, "run", "-mod=readonly", ".", served, *PENDING],
        capture_output=True,
        text=True,
        timeout=400,
        cwd=module,
        env=os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    placed = asked(served, "placements", {"pods": [POD], "objects": [TEMPLATE]})["pods"][0]
    query = {"driver": "gpu.example.com", "limit": 2}
    devices = httpx.get(f"{served}/api/v1/devices", params=query, trust_env=False).json()["items"]
    assert len(devices) == 2
    assert json.loads(ran.stdout) == {
        "node": placed["node"],
        "device": placed["claims"][0]["allocation"]["devices"]["results"][0]["device"],
        "fits": asked(served, "capacity", {"pod": POD, "objects": [TEMPLATE]})["fits"],
        "summary": "the Pod is on node worker-5",
        "devices": [item["device"] for item in devices],
        "errorCode": "InvalidField",
        "errorPath": "replicas",
    }


@pytest.mark.parametrize("language", ["go", "java", "python"])
@pytest.mark.parametrize("document", VERSIONS[:1], indirect=True)
def test_openapi_generator_takes_every_operation(document: Path, language: str, tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("openapi-generator needs Java")
    made = tmp_path / language
    done = subprocess.run(
        [
            Path(sys.executable).with_name("openapi-generator-cli"),
            "generate",
            "-g",
            language,
            "-i",
            document,
            "-o",
            made,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"JAVA_OPTS": "-XX:TieredStopAtLevel=1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert " ERROR " not in done.stdout + done.stderr
    sources = (path for path in made.rglob("*") if path.suffix in (".go", ".java", ".py"))
    text = "".join(path.read_text("utf-8") for path in sources).lower().replace("_", "")
    assert {name for name in operations() if f"{name.lower()}(" not in text} == set()


def asked(served: str, path: str, body: Any) -> Any:
    return httpx.post(f"{served}/api/v1/{path}", json=body, trust_env=False).raise_for_status().json()


POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "wants-a-gpu", "namespace": "default"},
    "spec": {
        "containers": [{"name": "main", "image": "busybox"}],
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
    },
}
TEMPLATE = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceClaimTemplate",
    "metadata": {"name": "one-gpu", "namespace": "default"},
    "spec": {
        "spec": {
            "devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}]}
        }
    },
}
