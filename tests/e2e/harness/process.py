"""One program under test."""

import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

log = logging.getLogger(__name__)
_TICKS = os.sysconf("SC_CLK_TCK")

# Where the system has it (util-linux), children end with the test run even if that is killed outright.
LEASH = (setpriv, "--pdeathsig", "KILL", "--") if (setpriv := shutil.which("setpriv")) else ()


class Process:
    """A program with its log file. It can be started again with the same command after `stop` or `kill`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        ready: Callable[[], bool] = lambda: True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self._ready = ready
        self._environment = environment
        self._popen: subprocess.Popen[bytes] | None = None
        self.stopped = False
        """Whether it has ended because a test is done with it."""

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def state(self) -> str:
        """For people: whether it runs, and how it ended."""
        if self._popen is None:
            return "never started"
        return "runs" if self.running else f"ended with {self._popen.returncode}"

    @property
    def pid(self) -> int:
        if self._popen is None:
            raise AssertionError(f"{self.name} was never started")
        return self._popen.pid

    def cpu_seconds(self) -> float:
        """CPU time that it has used since its start."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def start(self, *, seconds: float = 60) -> None:
        """Starts it and waits until it is ready; an early exit fails at once, with the end of its log."""
        if self.running:
            raise AssertionError(f"{self.name} runs already")
        self.stopped = False
        environment = os.environ if self._environment is None else self._environment
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                [*LEASH, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                start_new_session=True,  # a Ctrl-C is for the test run, which stops them in order
            )
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            if self._popen.poll() is not None:
                message = (
                    f"{self.name} ended with {self._popen.returncode} before it was ready\n{self.tail()}"
                )
                raise AssertionError(message)
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self.name} was not ready within {seconds:g} s\n{self.tail()}")
            time.sleep(0.05)

    def stop(self, *, seconds: float = 15) -> int:
        """SIGTERM, and its exit status; SIGKILL if that does not end it in time."""
        self.stopped = True
        if self._popen is None:
            return 0
        if self.running:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._popen.returncode

    def kill(self) -> None:
        """SIGKILL: it has no chance to finish anything."""
        if self._popen is not None and self.running:
            self._popen.kill()
            self._popen.wait()

    @contextmanager
    def kept_running(self) -> Iterator[None]:
        """It runs meanwhile: whenever it ends it is started again, as a kubelet does, and stopped at the end.

        kube-scheduler exits by itself where its cache is at odds with what it hears after a restart of the
        API server (updatePod in pkg/scheduler/backend/cache/cache.go).
        """
        self.start()
        enough = threading.Event()

        def keep() -> None:
            while not enough.wait(0.5):
                if not self.running:
                    log.info("%s has ended, and is started again", self.name)
                    self.start(seconds=180)

        # What it has started ends with it (LEASH), and it ends with the block.
        keeper = threading.Thread(target=keep, name=f"keeper of {self.name}", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            enough.set()
            keeper.join()
            self.stop()

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _is_ready(self) -> bool:
        try:
            return self._ready()
        except httpx.TransportError:
            return False


def answers(url: str, *, verify: bool = True) -> Callable[[], bool]:
    """A readiness check: GET `url` is answered with 200."""
    return lambda: httpx.get(url, verify=verify, timeout=2, trust_env=False).status_code == httpx.codes.OK
