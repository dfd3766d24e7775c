"""A device driver as drivers are, tests/driver, and what the kubelet asks of it."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.core.json_object import JsonObject
from harness.controlplane import ADMIN, ControlPlane
from harness.scene import Scene

CALL_SECONDS = 30


class Driver:
    """The driver of one node, with devices as in its mode. It runs in the ``with`` block."""

    def __init__(self, program: Path, control_plane: ControlPlane, scene: Scene, mode: str) -> None:
        self.name = f"{mode}.{scene.namespace}.example.com"
        self.node = scene.node(mode)
        self._program = program
        self._scene = scene
        # The path of a socket has at most 108 characters, and pytest's folders have long names.
        self._folder = Path(tempfile.mkdtemp(prefix="driver-"))
        self._process = control_plane.process(
            self.name,
            program,
            "serve",
            f"--mode={mode}",
            f"--node={self.node}",
            f"--kubeconfig={control_plane.kubeconfig(ADMIN)}",
            *self._place,
            ready=lambda: (self._folder / "registrar.sock").exists() and self._published(),
        )

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = self._process.stop()
        shutil.rmtree(self._folder)
        assert kind is not None or status == 0, self._process.tail()

    def slices(self) -> list[JsonObject]:
        """What it has published, by name."""
        found = self._scene.api.list("ResourceSlice", fieldSelector=f"spec.driver={self.name}")
        return sorted(found, key=lambda item: item["metadata"]["name"])

    def prepare(self, *claims: JsonObject) -> dict[str, Any]:
        """The devices or the error of each claim (NodePrepareResources), by the claim's name."""
        return self._call("prepare", claims)

    def unprepare(self, *claims: JsonObject) -> dict[str, Any]:
        """The error, or none, of each claim (NodeUnprepareResources), by the claim's name."""
        return self._call("unprepare", claims)

    def _call(self, verb: str, claims: tuple[JsonObject, ...]) -> dict[str, Any]:
        listed = [{key: claim["metadata"][key] for key in ("namespace", "name", "uid")} for claim in claims]
        done = subprocess.run(
            [self._program, verb, *self._place],
            input=json.dumps(listed),
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers = json.loads(done.stdout)["claims"]
        return {claim["metadata"]["name"]: answers[claim["metadata"]["uid"]] for claim in claims}

    @property
    def _place(self) -> list[str]:
        return [f"--driver={self.name}", f"--folder={self._folder}"]

    def _published(self) -> bool:
        slices = self.slices()
        return bool(slices) and len(slices) == slices[0]["spec"]["pool"]["resourceSliceCount"]
