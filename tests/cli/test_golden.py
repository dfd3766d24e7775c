"""Tables as a terminal shows them, narrow and wide, and as a pipe gets them.

UPDATE_GOLDEN=1 writes the expected texts again: look at the difference before you commit it.
"""

import fcntl
import os
import struct
import sys
import termios
from pathlib import Path

import pytest

from app.cli.application import run

FOLDER = Path(__file__).with_name("golden")
COMMANDS = {
    "pods": ("pods", "--all"),
    "claims": ("claims",),
    "devices": ("devices", "--show", "product,memory"),
    "nodes": ("nodes", "-L", "topology.kubernetes.io/zone"),
    "pools": ("pools",),
    "classes": ("classes",),
    "top": ("top", "--by", "product,node"),
    "explain": ("explain", "team-b/waiting-0"),
}
WIDTHS = (60, 200)


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int, *arguments: str) -> str:
    """What a command writes to a terminal of this width."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST  # line feeds stay what they are
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    with monkeypatch.context() as patch, os.fdopen(slave, "w") as terminal:
        patch.setattr(sys, "stdout", terminal)
        patch.setenv("NO_COLOR", "1")
        patch.delenv("COLUMNS", raising=False)
        run([*arguments, "--snapshot", str(FOLDER / "inventory.yaml")])
    with os.fdopen(master, "rb") as reader:
        return reader.read1(65536).decode()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch, name: str, width: int) -> None:
    monkeypatch.setattr(sys, "argv", ["dra-extender"])
    shown = on_a_terminal(monkeypatch, width, *COMMANDS[name])
    expected = FOLDER / f"{name}-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(shown, encoding="utf-8")
    assert shown == expected.read_text(encoding="utf-8")


def test_a_pipe_gets_everything(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["dra-extender"])
    run(["pods", "--all", "--snapshot", str(FOLDER / "inventory.yaml")])
    assert "…" not in (piped := capsys.readouterr().out)
    assert piped == (FOLDER / "pods-200.txt").read_text(encoding="utf-8")
