"""A cluster in which Pods of several priorities want devices."""

from harness import objects
from harness.kubelet import Kubelet
from harness.scene import Scene


class Stage:
    """Nodes with devices, and Pods that use one claim each."""

    def __init__(self, scene: Scene, kubelet: Kubelet, scheduler: str) -> None:
        self.scene = scene
        self.kubelet = kubelet
        self.scheduler = scheduler
        self.name = f"class-{scene.namespace}"
        scene.create(objects.device_class(self.name))
        for name, value in (("low", 10), ("middle", 100), ("high", 1000)):
            scene.create(
                {
                    "apiVersion": "scheduling.k8s.io/v1",
                    "kind": "PriorityClass",
                    "metadata": {"name": f"{name}-{scene.namespace}"},
                    "value": value,
                }
            )

    def pod(
        self,
        name: str,
        priority: str,
        *,
        claim: str = "",
        count: int = 1,
        app: str = "",
        group: str = "",
    ) -> str:
        """A Pod with a claim of its own, or with one that is there. Returns its name."""
        if not claim:
            claim = f"{name}-claim"
            self.scene.create(objects.claim(claim, device_class=self.name, count=count))
        pod = objects.pod(name, self.scheduler, claims={"device": claim})
        pod["metadata"]["labels"] = {"app": app or name}
        pod["spec"]["priorityClassName"] = f"{priority}-{self.scene.namespace}"
        if group:
            pod["spec"]["schedulingGroup"] = {"podGroupName": group}
        self.scene.create(pod)
        return name

    def gang(self, name: str, priority: str, size: int) -> list[str]:
        """A PodGroup of which all Pods run or none, and its Pods, which use one device each. Their names."""
        self.scene.create(
            {
                "apiVersion": "scheduling.k8s.io/v1beta1",
                "kind": "PodGroup",
                "metadata": {"name": name},
                "spec": {
                    "schedulingPolicy": {"gang": {"minCount": size}},
                    "priorityClassName": f"{priority}-{self.scene.namespace}",
                },
            }
        )
        return [self.pod(f"{name}-{number}", priority, group=name) for number in range(size)]

    def running(self, name: str, priority: str = "low", *, claim: str = "", app: str = "") -> str:
        self.pod(name, priority, claim=claim, app=app)
        self.kubelet.wait_running(self.scene.namespace, name)
        return name

    def left(self) -> set[str]:
        return {pod["metadata"]["name"] for pod in self.scene.api.list("Pod", self.scene.namespace)}
