"""An extender that evicts, and the scheduler that asks it."""

from collections.abc import Iterator
from contextlib import contextmanager

from harness import scheduling
from harness.controlplane import PREEMPTING, ControlPlane
from harness.extender import Extender
from harness.rights import grant_preemption_rights
from harness.scene import Scene


@contextmanager
def preempting_extender(control_plane: ControlPlane, scheduler: str) -> Iterator[Extender]:
    """The extender; the scheduler of that name runs beside it."""
    with Scene(control_plane.admin) as everywhere:
        grant_preemption_rights(everywhere)
        name = "preempting-extender"
        extender = Extender(control_plane, "--preemption=evict", name=name, user=PREEMPTING)
        extender.process.start()
        configuration = scheduling.with_extender(extender.url, scheduler_name=scheduler)
        process = control_plane.scheduler(scheduler, configuration)
        process.start()
        yield extender
        process.stop()
        extender.close()
        extender.process.stop()
