"""What a release consists of, in dist/: run by `make dist`, after the wheel and the SBOM are there.

python tools/release_files.py --requirements FILE --url ADDRESS

Makes one-file programs for this platform with shiv, an archive and a manifest for krew, and checksums.
"""

import argparse
import hashlib
import platform
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
SHIV = Path(sys.executable).with_name("shiv")
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
MANIFEST = """\
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: dra
spec:
  version: v{version}
  homepage: {url}
  shortDescription: List DRA devices, and show what would fit
  description: |
    Lists devices, claims, pools and classes, counts what is free, and shows whether Pods would fit, where,
    and if not, why. Works with a cluster, with files, or with a running dra-extender.
  caveats: |
    The program needs Python {python}, as python3 in the PATH.
  platforms:
  - selector:
      matchLabels:
        os: {os}
        arch: {arch}
    uri: {url}/{archive}
    sha256: {checksum}
    files:
    - from: "*"
      to: .
    bin: kubectl-dra
"""


def one_file(wheel: Path, requirements: Path, target: Path) -> None:
    """A program in one file, with its locked dependencies; it unpacks itself on its first run."""
    command = [
        SHIV,
        "--console-script",
        "dra-extender",
        "--output-file",
        target,
        "--python",
        "/usr/bin/env python3",
    ]
    command += ["--compressed", "--reproducible", "--no-deps", "--quiet", "-r", requirements, wheel]
    subprocess.run(command, check=True)


def archive(program: Path, target: Path) -> None:
    """What krew unpacks: the program under the name that makes it a plugin, and the license."""
    with tarfile.open(target, "w:gz") as tar:
        for file, name in ((program, "kubectl-dra"), (ROOT / "LICENSE", "LICENSE")):
            member = tar.gettarinfo(file, name)
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = ""
            with file.open("rb") as content:
                tar.addfile(member, content)


def checksum(file: Path) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> None:
    """Writes everything, and prints its names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requirements", type=Path, required=True, help="locked dependencies, with hashes")
    parser.add_argument("--url", default="https://example.com/dra-extender", help="where the release will be")
    given = parser.parse_args()
    (wheel,) = DIST.glob("*.whl")
    version = wheel.name.split("-")[1]
    os_name, arch = platform.system().lower(), MACHINES.get(platform.machine().lower(), platform.machine())
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    program = DIST / f"dra-extender-{version}-{os_name}-{arch}-py{python.replace('.', '')}.pyz"
    packed = program.with_suffix(".tar.gz")
    with tempfile.TemporaryDirectory() as folder:
        # shiv installs the wheel as a requirement without a hash, which pip does not mix with hashes.
        plain = Path(folder, "requirements.txt")
        lines = given.requirements.read_text("utf-8").splitlines()
        names = [line.split(" --hash")[0].rstrip(" \\") for line in lines if line and line[0] not in " #"]
        plain.write_text("\n".join(names) + "\n", "utf-8")
        one_file(wheel, plain, program)
    archive(program, packed)
    values = {"version": version, "url": given.url, "os": os_name, "arch": arch, "python": python}
    manifest = MANIFEST.format(**values, archive=packed.name, checksum=checksum(packed))
    (DIST / "dra.yaml").write_text(manifest, "utf-8")
    files = sorted(file for file in DIST.iterdir() if file.is_file() and file.name[0] not in "S.")
    sums = [f"{checksum(file)}  {file.name}" for file in files]
    (DIST / "SHA256SUMS").write_text("\n".join(sums) + "\n", "utf-8")
    print("\n".join(sums))


if __name__ == "__main__":
    main()
