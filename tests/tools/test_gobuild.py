"""Builds that were stopped, are under way elsewhere, or have nothing to do. A script stands in for Go."""

import fcntl
import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import gobuild
import pytest

TOOLS = Path(gobuild.__file__).parent
PROGRAM = gobuild.Program("server", "example.com/server", "v1.2.3", "-X example.com/version=v1.2.3")


class FakeGo:
    """A `go` first on the PATH: `go build -o FILE PACKAGE` writes PACKAGE into FILE. It notes each call."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, version: str = "go1.26.4") -> None:
        self._log = folder / "calls"
        self._script = folder / "bin" / "go"
        self._script.parent.mkdir()
        self.answer(version=version)
        monkeypatch.setenv("PATH", f"{self._script.parent}{os.pathsep}{os.environ['PATH']}")

    def answer(self, *, version: str = "go1.26.4", fails: bool = False) -> None:
        self._script.write_text(
            textwrap.dedent(f"""\
            #!{sys.executable}
            import pathlib, sys
            if sys.argv[1:] == ["env", "GOVERSION"]:
                print("{version}")
                sys.exit()
            with open({str(self._log)!r}, "a") as log:
                print(*sys.argv[1:], file=log)
            pathlib.Path(sys.argv[sys.argv.index("-o") + 1]).write_text(sys.argv[-1])
            print("main.go:7: undefined: serve", file=sys.stderr)
            sys.exit({int(fails)})
            """)
        )
        self._script.chmod(0o755)

    def builds(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGo:
    return FakeGo(tmp_path, monkeypatch)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text(
        "module example\n\ngo 1.26.0\n\nrequire (\n\texample.com/server v1.2.3\n)\n"
    )
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "v1.2.3"


def build(module: Path, target: Path, program: gobuild.Program = PROGRAM) -> None:
    gobuild.build(module, target, (program,), uv=None)


def test_a_program_is_built_with_its_flags_and_a_second_call_does_nothing(
    go: FakeGo, module: Path, target: Path
) -> None:
    build(module, target)
    assert (target / "server").read_text() == "example.com/server"
    (call,) = go.builds()
    assert "-X example.com/version=v1.2.3" in call
    build(module, target)
    assert len(go.builds()) == 1


def test_another_version_is_built_again(go: FakeGo, module: Path, target: Path) -> None:
    build(module, target)
    build(module, target, gobuild.Program("server", "example.com/server", "v1.2.4"))
    assert len(go.builds()) == 2


@pytest.mark.parametrize("left_over", [".server.partial", "server"])
def test_what_a_stopped_build_has_left_is_not_taken_for_built(
    go: FakeGo, module: Path, target: Path, left_over: str
) -> None:
    target.mkdir(parents=True)
    (target / left_over).write_text("half a program")
    build(module, target)
    assert len(go.builds()) == 1
    assert (target / "server").read_text() == "example.com/server"


def test_a_failed_build_leaves_no_program_and_says_why(go: FakeGo, module: Path, target: Path) -> None:
    go.answer(fails=True)
    with pytest.raises(gobuild.BuildError, match="undefined: serve"):
        build(module, target)
    assert not (target / "server").exists()
    go.answer()
    build(module, target)
    assert (target / "server").exists()


def test_a_build_waits_for_another_and_takes_what_that_has_built(
    go: FakeGo, module: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target.mkdir(parents=True)
    with (target / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = threading.Thread(target=build, args=(module, target))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        (target / "server").write_text("built by the other")
        (target / "versions.json").write_text(json.dumps({"server": PROGRAM.recipe}))
    waiting.join(10)
    assert not waiting.is_alive()
    assert go.builds() == []
    assert "another build is at work" in capsys.readouterr().out


@pytest.mark.parametrize("version", ["go1.26.0", "go1.27rc1", "go1.100"])
def test_a_go_on_the_path_that_is_new_enough_is_used(go: FakeGo, tmp_path: Path, version: str) -> None:
    go.answer(version=version)
    assert gobuild.find_go((1, 26, 0), uv=None) == tmp_path / "bin" / "go"


@pytest.mark.parametrize("version", ["go1.25.9", "go1.9", "devel +abc"])
def test_an_older_go_is_not_used_and_the_message_says_what_to_do(
    go: FakeGo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    monkeypatch.setattr(gobuild, "REPOSITORY", tmp_path)
    go.answer(version=version)
    with pytest.raises(gobuild.BuildError, match=r"Go 1\.26\.0 or newer is needed"):
        gobuild.find_go((1, 26, 0), uv=None)


@pytest.mark.parametrize(
    ("minimum", "wheel"), [((1, 24, 0), "1.26.6"), ((1, 26, 0), "1.26.6"), ((1, 27, 0), "1.27.3")]
)
def test_the_oldest_wheel_of_go_that_is_new_enough_is_used(
    go: FakeGo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, minimum: tuple[int, ...], wheel: str
) -> None:
    monkeypatch.setattr(gobuild, "REPOSITORY", tmp_path)
    go.answer(version="go1.9")
    unpacked = tmp_path / ".cache" / f"go-{wheel}" / "go" / "bin" / "go"
    unpacked.parent.mkdir(parents=True)
    unpacked.touch()
    assert gobuild.find_go(minimum, uv=None) == unpacked


def test_a_go_that_no_wheel_has_is_asked_for(
    go: FakeGo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gobuild, "REPOSITORY", tmp_path)
    go.answer(version="go1.9")
    with pytest.raises(gobuild.BuildError, match=r"go is Go 1\.9; Go 1\.99\.0 or newer is needed"):
        gobuild.find_go((1, 99, 0), uv=None)


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert gobuild.cache_home() == tmp_path / ".cache" / "dra-extender"


@pytest.mark.parametrize(
    ("program", "where"),
    [
        (["control_plane.py"], "control-plane/v1.37.2"),
        (["control_plane.py", "--kubernetes", "1.33"], "control-plane/v1.33.13"),
        (["control_plane.py", "--kubernetes", "1.34"], "control-plane/v1.37.2"),
        (["helm.py"], "helm/v3.22.0"),
        (["kwok.py"], "kwok/v0.8.0"),
    ],
)
def test_the_programs_tell_where_they_build_without_building(
    tmp_path: Path, program: list[str], where: str
) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "KUBERNETES": ""}
    command = [sys.executable, TOOLS / program[0], *program[1:], "--where"]
    asked = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert asked.stdout.strip() == f"{tmp_path}/dra-extender/{where}"
    assert list(tmp_path.iterdir()) == []
