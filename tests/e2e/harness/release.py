"""The chart, installed by Helm into the control plane, and its containers run as processes.

There is no kubelet and no container engine: a container's command, arguments, mounted files and account are
taken from the Deployment as the API server has it. Changed are only addresses and paths that containers
have to themselves.
"""

import base64
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.binaries import REPOSITORY
from harness.controlplane import ADMIN, HOST, ControlPlane
from harness.credentials import write_kubeconfig
from harness.extender import PROGRAM
from harness.ports import free_port
from harness.process import Process, answers

CHART = REPOSITORY / "charts" / "dra-extender"
NAME = "chart"
FULL_NAME = f"{NAME}-dra-extender"
_EXTENDER_PORT, _PROBE_PORT, _SCHEDULER_PORT = "8888", "8889", "10259"


class Release:
    """A release of the chart in a namespace."""

    def __init__(self, control_plane: ControlPlane, helm: Path, namespace: str, home: Path) -> None:
        """`helm`: the program. `home`: a folder for mounted files and Helm's own."""
        self._program = helm
        self._plane = control_plane
        self._home = home
        self.namespace = namespace
        self.ports = {port: free_port() for port in (_EXTENDER_PORT, _PROBE_PORT, _SCHEDULER_PORT)}

    def helm(self, *arguments: str | Path, values: Mapping[str, Any] | None = None) -> str:
        """Runs Helm as the cluster's administrator; its output. Raises: AssertionError with its words."""
        done = subprocess.run(
            [
                self._program,
                *arguments,
                f"--namespace={self.namespace}",
                f"--kubeconfig={self._plane.kubeconfig(ADMIN)}",
                *(("--values=-",) if values is not None else ()),
            ],
            input=yaml.safe_dump(dict(values)) if values is not None else None,
            check=False,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self._home)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, values: Mapping[str, Any]) -> str:
        return self.helm("install", NAME, CHART, values=values)

    def upgrade(self, values: Mapping[str, Any]) -> str:
        return self.helm("upgrade", NAME, CHART, values=values)

    def uninstall(self) -> None:
        self.helm("uninstall", NAME)

    def data(self, kind: str, name: str) -> dict[str, bytes]:
        """What a Secret or a ConfigMap holds."""
        found: dict[str, str] = self._plane.admin.get(kind, name, self.namespace)["data"]
        if kind == "Secret":
            return {key: base64.b64decode(text) for key, text in found.items()}
        return {key: text.encode() for key, text in found.items()}

    def processes(self) -> tuple[Process, Process]:
        """The extender and the kube-scheduler of the installed Deployment, not started yet."""
        spec = self._plane.admin.get("Deployment", FULL_NAME, self.namespace)["spec"]["template"]["spec"]
        mounts = self._mount(spec)
        kubeconfig = self._kubeconfig(spec["serviceAccountName"])
        (extender,), (scheduler,) = spec["initContainers"], spec["containers"]
        return (
            self._plane.process(
                f"{self.namespace}-extender",
                PROGRAM,
                *(self._here(text, mounts) for text in extender["args"]),
                f"--kubeconfig={kubeconfig}",
                ready=self._probe(extender),
            ),
            self._plane.process(
                f"{self.namespace}-kube-scheduler",
                scheduler["command"][0],
                *(self._here(text, mounts) for text in scheduler["args"]),
                # What it takes from the Pod's account in a cluster.
                f"--authentication-kubeconfig={kubeconfig}",
                f"--authorization-kubeconfig={kubeconfig}",
                f"--bind-address={HOST}",
                f"--secure-port={self.ports[_SCHEDULER_PORT]}",
                f"--cert-dir={self._home / 'kube-scheduler'}",
                ready=self._probe(scheduler),
            ),
        )

    def _mount(self, spec: Mapping[str, Any]) -> dict[str, str]:
        """Writes the files of the Pod's volumes; mount path -> folder."""
        folders: dict[str, Path] = {}
        for volume in spec["volumes"]:
            folder = folders[volume["name"]] = self._home / "volumes" / volume["name"]
            folder.mkdir(parents=True)
            if "configMap" in volume:
                files = self.data("ConfigMap", volume["configMap"]["name"])
            elif "secret" in volume:
                held = self.data("Secret", volume["secret"]["secretName"])
                files = {item["path"]: held[item["key"]] for item in volume["secret"]["items"]}
            else:
                files = {}
            for name, content in files.items():
                (folder / name).write_bytes(content)
        mounts = {
            mount["mountPath"]: str(folders[mount["name"]])
            for container in [*spec["initContainers"], *spec["containers"]]
            for mount in container["volumeMounts"]
        }
        account = self._kubeconfig(spec["serviceAccountName"])
        for file in (self._home / "volumes" / "config").glob("*.yaml"):
            configuration = yaml.safe_load(self._here(file.read_text(), mounts))
            configuration["clientConnection"]["kubeconfig"] = str(account)
            file.write_text(yaml.safe_dump(configuration))
        return mounts

    def _here(self, text: str, mounts: Mapping[str, str]) -> str:
        # All at once: one of the paths is /tmp, where the folders are.
        paths = "|".join(sorted(map(re.escape, mounts), key=len, reverse=True))
        text = re.sub(rf"(?<![\w/])({paths})/", lambda found: f"{mounts[found[1]]}/", text)
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(free), text)
        return text.replace("0.0.0.0", HOST)  # noqa: S104 - to be listened on here alone

    def _kubeconfig(self, account: str) -> Path:
        """A kubeconfig with a token of the service account, as a kubelet would project it."""
        token = self._plane.admin.token(account, self.namespace)
        path = self._home / f"{account}.kubeconfig"
        ca = self._plane.certificates / "apiserver.crt"
        write_kubeconfig(path, account, token, server=self._plane.server, ca=ca)
        return path

    def _probe(self, container: Mapping[str, Any]) -> Callable[[], bool]:
        """The container's readiness probe, as the kubelet makes it: no look at the certificate."""
        probe = container["readinessProbe"]["httpGet"]
        (port,) = (item["containerPort"] for item in container["ports"] if item["name"] == probe["port"])
        url = f"{probe.get('scheme', 'HTTP').lower()}://{HOST}:{self.ports[str(port)]}{probe['path']}"
        return answers(url, verify=False)
