"""etcd, kube-apiserver, kube-controller-manager and any number of kube-schedulers."""

from pathlib import Path
from typing import Any

import yaml

from harness import kubernetes
from harness.api import Api
from harness.credentials import Users, write_signing_key
from harness.ports import free_port
from harness.process import Process, answers

ADMIN = "admin"
EXTENDER = "dra-extender"
PREEMPTING = "dra-extender-preempting"
CONTROLLERS = "system:kube-controller-manager"
SCHEDULER = "system:kube-scheduler"
# Only `admin` has every right. Kubernetes' own programs have the roles the API server makes for their names,
# and the extender what the test binds to its name.
GROUPS = {ADMIN: ("system:masters",), EXTENDER: (), PREEMPTING: (), CONTROLLERS: (), SCHEDULER: ()}

CONTROLLERS_WANTED = (
    "device-taint-eviction-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "resourceclaim-controller",
)
VOLUME_CONTROLLERS = ("persistentvolume-binder-controller",)
HOST = "127.0.0.1"
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [{"level": "Metadata", "users": [EXTENDER]}, {"level": "None"}],
    # A watch that goes on is told of when it begins.
    "omitStages": ["RequestReceived"],
}


class ControlPlane:
    """The processes of one cluster, with their ports, users and logs in one folder."""

    def __init__(
        self,
        binaries: Path,
        home: Path,
        *,
        storage: str = "application/json",
        qps: int = 500,
        groups: bool = False,
        volumes: bool = False,
        gates: tuple[str, ...] = (),
        served: tuple[str, ...] = (),
    ) -> None:
        """`storage`: how etcd holds objects, where `holds` wants JSON. `qps`: of Kubernetes' own clients.

        `groups`: with PodGroups and their claims, and what kube-scheduler makes of them. `volumes`: with
        the controller that binds PersistentVolumeClaims. `gates` and `served`: feature gates and API versions
        that are on besides.
        """
        self._binaries = binaries
        self._storage = storage
        self._qps = qps
        self._served = "resource.k8s.io/v1beta2=true,resource.k8s.io/v1beta1=true"
        self._served += "".join(f",{version}=true" for version in served)
        self._wanted = (*CONTROLLERS_WANTED, *(VOLUME_CONTROLLERS if volumes else ()))
        if groups:
            self._served += ",scheduling.k8s.io/v1beta1=true"
            gates = (*gates, "GenericWorkload=true", "DRAWorkloadResourceClaims=true")
        self._version = kubernetes.flags(gates)
        self.home = home
        self.certificates = home / "certificates"
        self.audit_log = home / "audit.log"
        """A line for each request of the extender's user."""
        self.processes: list[Process] = []
        self.users = Users(GROUPS)
        self._apis: dict[str, Api] = {}
        self._etcd_port, self._etcd_peer_port, self._api_port = free_port(), free_port(), free_port()
        self.etcd_url = f"http://{HOST}:{self._etcd_port}"
        self.server = f"https://{HOST}:{self._api_port}"
        self.etcd = self._etcd()
        self.apiserver = self._apiserver()
        self.controllers = self._controllers()

    @property
    def admin(self) -> Api:
        return self.api(ADMIN)

    def start(self) -> None:
        self.users.write_token_file(self.home / "tokens.csv")
        write_signing_key(self.home / "service-accounts.key")
        (self.home / "audit.yaml").write_text(yaml.safe_dump(_AUDIT))
        self.etcd.start()
        self.apiserver.start()
        self.controllers.start()

    def stop(self) -> None:
        """Ends whatever runs, clients before servers."""
        for api in self._apis.values():
            api.close()
        for process in reversed(self.processes):
            process.stop()

    def api(self, user: str) -> Api:
        """The API as `user`; the API server must have been started."""
        if user not in self._apis:
            self._apis[user] = Api(self.server, self.users.token(user), self.certificates / "apiserver.crt")
        return self._apis[user]

    def connect(self, user: str) -> Api:
        """The API as `user`, on connections of its own: the caller closes it."""
        return Api(self.server, self.users.token(user), self.certificates / "apiserver.crt")

    def acting_as(self, user: str) -> Api:
        """The API as a user that needs no token: the caller closes it, and gives the user its rights."""
        ca = self.certificates / "apiserver.crt"
        return Api(self.server, self.users.token(ADMIN), ca, acting_as=user)

    def kubeconfig(self, user: str) -> Path:
        path = self.home / f"{user.replace(':', '-')}.kubeconfig"
        # The self-signed certificate comes with the authority that signed it, in one file.
        self.users.write_kubeconfig(path, user, server=self.server, ca=self.certificates / "apiserver.crt")
        return path

    def scheduler(self, name: str, configuration: dict[str, Any]) -> Process:
        """A kube-scheduler, not started yet, that runs as system:kube-scheduler."""
        configuration = configuration | {
            "clientConnection": {
                "kubeconfig": str(self.kubeconfig(SCHEDULER)),
                "qps": self._qps,
                "burst": 2 * self._qps,
            },
            "leaderElection": {"leaderElect": False},
        }
        config = self.home / f"{name}.yaml"
        config.write_text(yaml.safe_dump(configuration))
        port = free_port()
        return self.process(
            name,
            "kube-scheduler",
            f"--config={config}",
            *self._serving(port, SCHEDULER),
            *self._version,
            "--v=2",
            ready=answers(f"https://{HOST}:{port}/readyz", verify=False),
        )

    def process(self, name: str, program: str | Path, *arguments: str | Path, **how: Any) -> Process:
        """A program, not started yet, that ends with the control plane."""
        process = Process(name, [self._binaries / program, *arguments], self.home / f"{name}.log", **how)
        self.processes.append(process)
        return process

    def logs(self) -> list[tuple[str, str]]:
        """The log of each process in use and its end, the newest first: a test is about that one.

        etcd and the API server say most, and seldom what is wrong.
        """
        return [
            (f"{self.home / process.name}.log, {process.state()}", process.tail())
            for process in reversed(self.processes)
            if not process.stopped
        ]

    def _etcd(self) -> Process:
        peer = f"http://{HOST}:{self._etcd_peer_port}"
        return self.process(
            "etcd",
            "etcd",
            f"--data-dir={self.home / 'etcd'}",
            f"--listen-client-urls={self.etcd_url}",
            f"--advertise-client-urls={self.etcd_url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
            ready=answers(f"{self.etcd_url}/health"),
        )

    def _apiserver(self) -> Process:
        keys = self.home / "service-accounts.key"
        return self.process(
            "kube-apiserver",
            "kube-apiserver",
            f"--etcd-servers={self.etcd_url}",
            f"--storage-media-type={self._storage}",
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            f"--external-hostname={HOST}",
            f"--secure-port={self._api_port}",
            f"--cert-dir={self.certificates}",
            # The default writes the address into the Service `kubernetes`, which refuses a loopback one.
            "--endpoint-reconciler-type=none",
            f"--token-auth-file={self.home / 'tokens.csv'}",
            f"--audit-policy-file={self.home / 'audit.yaml'}",
            f"--audit-log-path={self.audit_log}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys}",
            f"--service-account-signing-key-file={keys}",
            "--service-cluster-ip-range=10.0.0.0/24",
            # Nobody takes the taint not-ready off a new Node or makes service accounts here.
            "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
            f"--runtime-config={self._served}",
            *self._version,
            ready=lambda: (self.certificates / "apiserver.crt").exists() and self.admin.ready(),
        )

    def _controllers(self) -> Process:
        port = free_port()
        kubeconfig = self.kubeconfig(CONTROLLERS)
        return self.process(
            "kube-controller-manager",
            "kube-controller-manager",
            f"--kubeconfig={kubeconfig}",
            *self._serving(port, CONTROLLERS),
            f"--controllers={','.join(self._wanted)}",
            *self._version,
            # Each controller with its own rights, as in a real cluster.
            "--use-service-account-credentials",
            f"--service-account-private-key-file={self.home / 'service-accounts.key'}",
            "--leader-elect=false",
            f"--kube-api-qps={self._qps}",
            f"--kube-api-burst={2 * self._qps}",
            ready=answers(f"https://{HOST}:{port}/healthz", verify=False),
        )

    def _serving(self, port: int, user: str) -> tuple[str, ...]:
        """Flags of a Kubernetes component for its own HTTPS port; anyone may read its health and metrics."""
        kubeconfig = self.kubeconfig(user)
        return (
            f"--bind-address={HOST}",
            f"--secure-port={port}",
            f"--cert-dir={self.home / user.replace(':', '-')}",
            # Nobody but the tests reads it, without a client certificate.
            "--authentication-skip-lookup",
            f"--authorization-kubeconfig={kubeconfig}",
            "--authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics",
        )
