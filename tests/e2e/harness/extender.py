"""The extender as a process of its own, with its own user."""

import os
from collections.abc import Mapping
from typing import Any

import httpx

from harness.binaries import REPOSITORY
from harness.controlplane import EXTENDER, HOST, ControlPlane
from harness.ports import free_port
from harness.process import Process, answers

PROGRAM = REPOSITORY / ".venv" / "bin" / "dra-extender"


class Extender:
    """`dra-extender serve` against the control plane, as a user with the chart's rights and no other."""

    def __init__(
        self,
        control_plane: ControlPlane,
        *options: str,
        name: str = "dra-extender",
        environment: Mapping[str, str] | None = None,
        ready_without: str = "",
        user: str = EXTENDER,
    ) -> None:
        """`options`: more of `serve`; `ready_without`: a check of /readyz that does not count."""
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        self.process: Process = control_plane.process(
            name,
            PROGRAM,
            "serve",
            f"--kubeconfig={control_plane.kubeconfig(user)}",
            f"--host={HOST}",
            f"--port={port}",
            *options,
            ready=answers(f"{self.url}/readyz?exclude={ready_without}"),
            # The checkout under test, even where its environment was made for another.
            environment={**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})},
        )
        self._http = httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: str) -> dict[str, Any]:
        response = self._http.get(path, params=query)
        response.raise_for_status()
        return response.json()

    def metrics(self) -> str:
        response = self._http.get("/metrics")
        response.raise_for_status()
        return response.text

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self._http.post(path, json=body)
        response.raise_for_status()
        return response.json()

    def device_states(self, pool: str) -> dict[str, str]:
        """Device name -> its state in the extender's index, for one pool."""
        states: dict[str, str] = {}
        page = self.get("/api/v1/devices")
        while True:
            states |= {item["device"]: item["state"] for item in page["items"] if item["pool"] == pool}
            if not page["next"]:
                return states
            page = self.get("/api/v1/devices", cursor=page["next"])
