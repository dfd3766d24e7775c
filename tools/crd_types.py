"""A stand-in for k8s.io/apiextensions-api, which no module proxy serves for Kubernetes 1.38.0-beta.0.

1.38 has moved the types and clients of CustomResourceDefinitions out of k8s.io/apiextensions-apiserver.
Those of the release before have the same fields, so they are copied from its module under the new name.
Nothing of Dynamic Resource Allocation is in them.
"""

import json
import shutil
import subprocess
from pathlib import Path

import gobuild

SOURCE = "k8s.io/apiextensions-apiserver@v0.37.2"
TARGET = gobuild.REPOSITORY / ".cache" / "apiextensions-api"
"""The replace block of tools/control-plane/v1.38/go.mod names this folder."""

_OLD, _NEW = "k8s.io/apiextensions-apiserver", "k8s.io/apiextensions-api"
# What the clients of 1.38 are made with.
_RENAMED = {
    f'"{_OLD}/': f'"{_NEW}/',
    '"sigs.k8s.io/structured-merge-diff/v6/': '"sigs.k8s.io/structured-merge-diff/v7/',
}
_APIS = Path("pkg", "apis", "apiextensions")
_PARTS = (_APIS / "v1", _APIS / "v1beta1", Path("pkg", "client"))
# Files about the internal version, which stays in the API server.
_LEFT_OUT = ("conversion.go", "zz_generated.conversion.go")
# Of these files the decoders of JSON need the one value.
_NULL = "null_literal.go"
_NULL_LITERAL = """package {package}

var nullLiteral = []byte("null")
"""
_GO_MOD = f"""module {_NEW}

go 1.26.0
"""


def is_needed(module: Path) -> bool:
    """Whether the module's go.mod replaces k8s.io/apiextensions-api by the stand-in."""
    return f"/.cache/{TARGET.name}" in (module / "go.mod").read_text()


def prepare(go: Path) -> list[str]:
    """Makes the stand-in where there is none; no more flags for the build."""
    if not TARGET.exists():
        source = _download(go)
        partial = TARGET.with_name(f"{TARGET.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        for part in _PARTS:
            _copy(source / part, partial / part)
        for part in _PARTS[:2]:
            (partial / part / _NULL).write_text(_NULL_LITERAL.format(package=part.name))
        (partial / "go.mod").write_text(_GO_MOD)
        partial.rename(TARGET)
    return []


def _download(go: Path) -> Path:
    command = [go, "mod", "download", "-json", SOURCE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=gobuild.REPOSITORY.parent)
    if done.returncode != 0:
        raise gobuild.BuildError(f"{SOURCE} cannot be downloaded: {done.stderr or done.stdout}")
    return Path(json.loads(done.stdout)["Dir"])


def _copy(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*.go")):
        if path.name in _LEFT_OUT or path.name.endswith("_test.go"):
            continue
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text()
        for old, new in _RENAMED.items():
            text = text.replace(old, new)
        copy.write_text(text)
