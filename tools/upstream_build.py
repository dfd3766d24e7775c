"""Compiles Kubernetes' own tests so that they can start this program in the plugin's place.

They come from the module k8s.io/kubernetes. `tests/upstream/seam` is added to its package that starts a
kube-scheduler for a test, and one line there calls it. Standard library only, as gobuild.
"""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import gobuild

MODULE = gobuild.REPOSITORY / "tests" / "upstream"
TARGET = gobuild.REPOSITORY / ".cache" / "upstream"
SEAM = MODULE / "seam"
# The file of the module that starts schedulers, and the call of the seam that the function begins with.
STARTER = Path("test/integration/util/util.go")
FUNCTION = "func StartSchedulerWithDone("
CALL = "\tcfg = withExtender(tCtx, cfg)\n"


def version() -> str:
    """Of Kubernetes."""
    return gobuild.module_version(MODULE, "k8s.io/kubernetes")


def binary(name: str, *, uv: Path | None = None) -> Path:
    """The tests in `tests/upstream/NAME` as a program, built if its sources have changed since.

    Two minutes on two cores after `make control-plane`, ten with nothing compiled yet.

    Raises:
        gobuild.BuildError: there is no Go, or the build failed.
    """
    gobuild.build(MODULE, TARGET, (_program(name),), uv=uv)
    return TARGET / name


def is_built(name: str) -> bool:
    return gobuild.is_built(TARGET, (_program(name),))


def source_folder() -> Path:
    """Of the module k8s.io/kubernetes that was built from. Only after `binary`."""
    return _link().resolve(strict=True)


def download(go: Path) -> Path:
    """The folder of the module k8s.io/kubernetes, downloaded if it is not there."""
    environment = os.environ | {"GOFLAGS": "", "GOWORK": "off"}
    command = [go, "mod", "download", "-C", MODULE, "-json", "k8s.io/kubernetes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise gobuild.BuildError(f"k8s.io/kubernetes could not be downloaded: {done.stderr or done.stdout}")
    return Path(json.loads(done.stdout)["Dir"])


def with_call(text: str) -> str:
    """The starter's source, with the call of the seam. Raises: BuildError where it has another form."""
    before, found, after = text.partition(FUNCTION)
    head, opened, body = after.partition("{\n")
    if not found or not opened or FUNCTION in after or "\n" in head:
        raise gobuild.BuildError(f"{STARTER}: the place for the seam is not where it was: {FUNCTION!r}")
    return f"{before}{found}{head}{opened}{CALL}{body}"


def _program(name: str) -> gobuild.Program:
    return gobuild.Program(name, f"./{name}", _fingerprint(name), test=True, prepare=_prepare)


def _fingerprint(name: str) -> str:
    digest = hashlib.sha256(CALL.encode())
    for path in (*_sources(MODULE / name), *_sources(SEAM), MODULE / "go.mod", MODULE / "go.sum"):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.go"))


def _link() -> Path:
    return TARGET / "kubernetes"


def _prepare(go: Path) -> list[str]:
    """Writes an overlay with the seam, and a go.mod under which Go takes it.

    Go refuses to replace files in its module cache: the module is replaced by a link to its folder there.
    """
    module = _link()
    module.unlink(missing_ok=True)
    module.symlink_to(download(go))
    mod_file = TARGET / "go.mod"
    replacement = f"\nreplace k8s.io/kubernetes => {module}\n"
    mod_file.write_text((MODULE / "go.mod").read_text() + replacement)
    shutil.copyfile(MODULE / "go.sum", TARGET / "go.sum")

    starter = module / STARTER
    changed = TARGET / starter.name
    changed.write_text(with_call(starter.read_text()))
    replaced = {starter: changed} | {starter.with_name(f"seam_{path.name}"): path for path in _sources(SEAM)}
    overlay = TARGET / "overlay.json"
    overlay.write_text(json.dumps({"Replace": {str(old): str(new) for old, new in replaced.items()}}))
    return [f"-modfile={mod_file}", f"-overlay={overlay}"]
