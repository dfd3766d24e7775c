"""What `make dist` adds to the wheel: the archive and the manifest for krew."""

import hashlib
import tarfile
from pathlib import Path

import release_files
import yaml


def test_the_archive_holds_the_program_as_a_plugin_and_nothing_of_this_machine(tmp_path: Path) -> None:
    program = tmp_path / "dra-extender.pyz"
    program.write_bytes(b"#!/usr/bin/env python3")
    program.chmod(0o755)
    packed = tmp_path / "packed.tar.gz"
    release_files.archive(program, packed)
    with tarfile.open(packed) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == ["kubectl-dra", "LICENSE"]
        assert {(member.uid, member.uname, member.mtime) for member in members} == {(0, "", 0)}
        assert members[0].mode & 0o111
        content = tar.extractfile("kubectl-dra")
        assert content is not None
        assert content.read() == program.read_bytes()
    assert release_files.checksum(packed) == hashlib.sha256(packed.read_bytes()).hexdigest()


def test_the_manifest_is_one_that_krew_reads() -> None:
    values = dict.fromkeys(("version", "url", "os", "arch", "python", "archive", "checksum"), "x")
    manifest = yaml.safe_load(release_files.MANIFEST.format(**values | {"version": "0.2.0"}))
    assert (manifest["kind"], manifest["metadata"]["name"]) == ("Plugin", "dra")
    assert manifest["spec"]["version"] == "v0.2.0"
    [platform] = manifest["spec"]["platforms"]
    assert platform.keys() == {"selector", "uri", "sha256", "files", "bin"}
    assert platform["bin"] == "kubectl-dra"
    assert len(manifest["spec"]["shortDescription"]) <= 50
