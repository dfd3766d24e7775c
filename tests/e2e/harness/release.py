"""The chart, installed by Helm into the control plane, and its containers run as processes.

There is no kubelet and no container engine: a container's command, arguments, mounted files and account are
taken from the Deployment as the API server has it. Changed are only addresses and paths that containers
have to themselves.
"""

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
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
PARTS = ("", "-answers", "-scheduler")
"""What the names of Deployments end with, those of `roles.separate` too."""
POD_ADDRESS = "10.1.2.3"
"""What the downward API gives; an EndpointSlice may not hold a loopback address."""
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
        self._answers_ports = {port: free_port() for port in (_EXTENDER_PORT, _PROBE_PORT)}

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

    def install(self, values: Mapping[str, Any], chart: Path = CHART) -> str:
        return self.helm("install", NAME, chart, values=values)

    def upgrade(self, values: Mapping[str, Any], *options: str) -> str:
        return self.helm("upgrade", NAME, CHART, *options, values=values)

    def rollback(self) -> str:
        """To the revision before."""
        return self.helm("rollback", NAME)

    def uninstall(self) -> None:
        self.helm("uninstall", NAME)

    def data(self, kind: str, name: str) -> dict[str, bytes]:
        """What a Secret or a ConfigMap holds."""
        found: dict[str, str] = self._plane.admin.get(kind, name, self.namespace)["data"]
        if kind == "Secret":
            return {key: base64.b64decode(text) for key, text in found.items()}
        return {key: text.encode() for key, text in found.items()}

    def processes(self) -> tuple[Process, ...]:
        """The containers of the installed Deployments, not started yet, in the order to start them."""
        admin = self._plane.admin
        found = [admin.find("Deployment", f"{FULL_NAME}{part}", self.namespace) for part in PARTS]
        return tuple(process for item in found if item is not None for process in self._processes(item))

    def url(self, part: str = "") -> str:
        """The address of the extender in a Deployment, without scheme."""
        return f"{HOST}:{self._ports(FULL_NAME + part)[_EXTENDER_PORT]}"

    def account(self, part: str = "") -> str:
        """The name of a Deployment's service account."""
        spec = self._plane.admin.get("Deployment", FULL_NAME + part, self.namespace)["spec"]
        name: str = spec["template"]["spec"]["serviceAccountName"]
        return name

    def _processes(self, deployment: Mapping[str, Any]) -> Iterator[Process]:
        name, spec = deployment["metadata"]["name"], deployment["spec"]["template"]["spec"]
        ports = self._ports(name)
        mounts = self._mount(name, spec)
        kubeconfig = self._kubeconfig(spec["serviceAccountName"])
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            arguments = [self._here(text, mounts, ports) for text in container["args"]]
            if container["name"] == "extender":
                program, own = PROGRAM, [f"--kubeconfig={kubeconfig}"]
            else:
                program = container["command"][0]
                own = [
                    # What it takes from the Pod's account in a cluster.
                    f"--authentication-kubeconfig={kubeconfig}",
                    f"--authorization-kubeconfig={kubeconfig}",
                    f"--bind-address={HOST}",
                    f"--secure-port={ports[_SCHEDULER_PORT]}",
                    f"--cert-dir={self._home / 'kube-scheduler'}",
                ]
            given = {item["name"]: item.get("value", POD_ADDRESS) for item in container.get("env", ())}
            yield self._plane.process(
                f"{self.namespace}-{name}-{container['name']}",
                program,
                *arguments,
                *own,
                ready=self._probe(container, ports),
                environment={**os.environ, **given},
            )

    def _ports(self, deployment: str) -> dict[str, int]:
        """kube-scheduler calls the extender of the first Deployment; the answers have ports of their own."""
        return self._answers_ports if deployment.endswith("-answers") else self.ports

    def _mount(self, deployment: str, spec: Mapping[str, Any]) -> dict[str, str]:
        """Writes the files of the Pod's volumes; mount path -> folder."""
        folders: dict[str, Path] = {}
        for volume in spec["volumes"]:
            folder = folders[volume["name"]] = self._home / "volumes" / deployment / volume["name"]
            shutil.rmtree(folder, ignore_errors=True)
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
            for container in [*spec.get("initContainers", ()), *spec["containers"]]
            for mount in container["volumeMounts"]
        }
        account = self._kubeconfig(spec["serviceAccountName"])
        for file in (self._home / "volumes" / deployment / "config").glob("*.yaml"):
            configuration = yaml.safe_load(self._here(file.read_text(), mounts, self.ports))
            configuration["clientConnection"]["kubeconfig"] = str(account)
            file.write_text(yaml.safe_dump(configuration))
        return mounts

    def _here(self, text: str, mounts: Mapping[str, str], ports: Mapping[str, int]) -> str:
        # All at once: one of the paths is /tmp, where the folders are.
        paths = "|".join(sorted(map(re.escape, mounts), key=len, reverse=True))
        text = re.sub(rf"(?<![\w/])({paths})/", lambda found: f"{mounts[found[1]]}/", text)
        # Without a Service's address: the name of the certificate stays.
        text = text.replace(f"{FULL_NAME}-leader.{self.namespace}.svc:", f"{HOST}:")
        for port, free in ports.items():
            text = re.sub(rf"\b{port}\b", str(free), text)
        return text.replace("0.0.0.0", HOST)  # noqa: S104 - to be listened on here alone

    def _kubeconfig(self, account: str) -> Path:
        """A kubeconfig with a token of the service account, as a kubelet would project it."""
        token = self._plane.admin.token(account, self.namespace)
        path = self._home / f"{account}.kubeconfig"
        ca = self._plane.certificates / "apiserver.crt"
        write_kubeconfig(path, account, token, server=self._plane.server, ca=ca)
        return path

    def _probe(self, container: Mapping[str, Any], ports: Mapping[str, int]) -> Callable[[], bool]:
        """The container's readiness probe, as the kubelet makes it: no look at the certificate."""
        probe = container["readinessProbe"]["httpGet"]
        (port,) = (item["containerPort"] for item in container["ports"] if item["name"] == probe["port"])
        url = f"{probe.get('scheme', 'HTTP').lower()}://{HOST}:{ports[str(port)]}{probe['path']}"
        return answers(url, verify=False)
