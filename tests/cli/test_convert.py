"""``convert``: the same objects in v1 form, and everything a person wrote still there."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from app.core.model.parse import flatten, parse

if TYPE_CHECKING:
    from conftest import Cli

PAGE = "examples/dra-task-page.yaml"
CANONICAL = "examples/job-with-cats.yaml"


def objects_in(text: str) -> dict[tuple[str, str], object]:
    objects = flatten(yaml.safe_load_all(text))
    return {(item["kind"], item["metadata"]["name"]): item for item in objects}


def comments_in(text: str) -> list[str]:
    return [comment.strip() for comment in re.findall(r"#.*", text)]


def test_the_task_page_becomes_what_an_api_server_takes(cli: "Cli", tmp_path: Path) -> None:
    ran = cli("convert", "-f", PAGE)
    file = tmp_path / "page.yaml"
    file.write_text(ran.out)

    assert ran.code == 0
    assert cli("check", "-f", file, "--snapshot", "examples/inventory").code == 0
    canonical = objects_in(Path(CANONICAL).read_text(encoding="utf-8"))
    assert objects_in(ran.out).items() <= canonical.items()
    assert comments_in(ran.out) == comments_in(Path(PAGE).read_text(encoding="utf-8"))


OLD = """\
# Before everything.
apiVersion: resource.k8s.io/v1beta1 # the oldest
kind: ResourceSlice
metadata:
  name: "quoted"
spec:
  nodeName: n
  driver: gpu.example.com
  pool: {name: n, generation: 1, resourceSliceCount: 1}
  devices:
    # The first device.
    - name: gpu-0
      basic: # nothing basic about it
        attributes: # of two kinds
          model: {string: 'X100'} # single quotes
        capacity:
          memory: {value: 80Gi}
---
# A claim.
apiVersion: resource.k8s.io/v1beta1
kind: ResourceClaim
metadata:
  name: c
spec:
  devices:
    requests:
      - name: r # the request
        # Which class.
        deviceClassName: gpu # the class
        allocationMode: ExactCount
        # How many.
        count: 2 # two
      - name: s
        firstAvailable:
          - {name: t, deviceClassName: gpu}
# After everything.
"""


def test_comments_quotes_order_and_indentation_stay(cli: "Cli", tmp_path: Path) -> None:
    file = tmp_path / "old.yaml"
    file.write_text(OLD)

    ran = cli("convert", "-f", file)

    # The line that held `basic` is gone, and its own comment with it.
    kept = [comment for comment in comments_in(OLD) if "basic" not in comment]
    assert sorted(comments_in(ran.out)) == sorted(kept)
    for line in (
        '  name: "quoted"',
        "    - name: gpu-0",
        "          model: {string: 'X100'} # single quotes",
    ):
        # A comment stays in its column, so the space before it may grow.
        assert line.strip() in re.sub(r" +#", " #", ran.out)
    assert "          deviceClassName: gpu" in ran.out
    assert "          - {name: t, deviceClassName: gpu}" in ran.out


@pytest.mark.parametrize(
    "text",
    [
        OLD,
        *(
            path.read_text(encoding="utf-8")
            for path in sorted(Path("examples").rglob("*.yaml"))
            if "kube-" not in path.name
            and "mistakes" not in path.name
            and path.parent.name not in ("ci", "policies")  # jobs of code hosts, admission policies
        ),
    ],
)
def test_the_meaning_stays(cli: "Cli", tmp_path: Path, text: str) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(text)

    converted = cli("convert", "-f", file).out

    before, after = objects_in(text), objects_in(converted)
    assert [parse(item) for item in before.values()] == [parse(item) for item in after.values()]
    assert all(
        item["apiVersion"] in ("v1", "batch/v1", "apps/v1", "resource.k8s.io/v1") for item in after.values()
    )


def test_what_is_canonical_comes_back_to_the_byte(cli: "Cli") -> None:
    text = Path("examples/workloads/gpu-pair.yaml").read_text(encoding="utf-8")

    assert cli("convert", "-f", "examples/workloads/gpu-pair.yaml").out == text


def test_converting_twice_changes_nothing_more(cli: "Cli", tmp_path: Path) -> None:
    file = tmp_path / "old.yaml"
    file.write_text(OLD)

    once = cli("convert", "-i", "-f", file)
    text = file.read_text()
    twice = cli("convert", "-i", "-f", file)

    assert (once.out, twice.out, twice.err) == ("", "", "")
    assert text != OLD
    assert file.read_text() == text


def test_several_files_become_documents_of_one_stream(cli: "Cli") -> None:
    ran = cli("convert", "-f", "examples/workloads/gpu-pair.yaml", "examples/workloads/four-gpus.yaml")

    assert list(objects_in(ran.out)) == [
        ("ResourceClaimTemplate", "gpu-pair"),
        ("Deployment", "inference"),
        ("ResourceClaim", "four-gpus"),
        ("Pod", "wants-four-gpus"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: ]", "old.yaml:1:"),
        (
            "apiVersion: resource.k8s.io/v7\nkind: ResourceClaim\nmetadata: {name: c}\n",
            "v7 is an unknown version",
        ),
        ("kind: {{ .Values.kind }}\nmetadata: {}\n", "old.yaml:1: is a Helm or Go template"),
        ("\n", "nothing to convert in"),
    ],
    ids=["no YAML", "unknown version", "a template", "nothing"],
)
def test_bad_input_ends_with_2(cli: "Cli", tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "old.yaml"
    file.write_text(text)

    ran = cli("convert", "-f", file)

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[[1, 2]]", 1, "not a Kubernetes object (expected a mapping)"),
        ("---\n42\n", 2, "not a Kubernetes object (expected a mapping)"),
        ("apiVersion: v1\nkind: 5\n", 1, "kind: must be a string"),
        ("apiVersion: v1\nkind: List\nitems: {a: b}\n", 1, "items: must be a list"),
        ("apiVersion: v1\nkind: Pod\n---\nkind: PodList\nitems: x\n", 4, "items: must be a list"),
    ],
)
def test_what_is_no_object_is_refused(cli: "Cli", tmp_path: Path, text: str, line: int, message: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)
    ran = cli("convert", "-f", file)
    assert (ran.code, ran.out, ran.err) == (2, "", f"dra-extender: {file}:{line}: {message}\n")
    assert (cli("plan", "-f", file, "--snapshot", "examples/inventory").code) == 2
    assert cli("check", "-f", file).code == 1


def test_values_of_a_chart_are_left_alone(cli: "Cli", tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("replicas: 3\n")
    assert cli("convert", "-f", file).out == "replicas: 3\n"
