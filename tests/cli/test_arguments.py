"""Flags that take several values, and what a terminal gets that a pipe does not."""

import io
from typing import TYPE_CHECKING

import pytest

from app.cli.application import spread
from app.cli.options import switches
from app.cli.problems import CliError
from app.cli.talk import colored, table
from app.core.versions import NEWEST

if TYPE_CHECKING:
    from conftest import Cli

SPREAD = {
    "one file": ("plan -f a", "plan -f a"),
    "several files": ("plan -f a b c", "plan -f a -f b -f c"),
    "stdin among them": ("plan -f a - b", "plan -f a -f - -f b"),
    "another flag ends them": ("plan -f a b -o json", "plan -f a -f b -o json"),
    "each flag has its own": ("plan -f a b --snapshot c d", "plan -f a -f b --snapshot c --snapshot d"),
    "long name": ("check --filename a b", "check --filename a --filename b"),
    "a flag with the same value": ("plan -n ns -f a", "plan -n ns -f a"),
    "after --": ("plan -f a -- b", "plan -f a -- b"),
    "a positional argument stays": ("explain --snapshot a pod", "explain --snapshot a pod"),
    "a name after a flag and its files": (
        "devices --snapshot examples README.md gpu-0",
        "devices --snapshot examples --snapshot README.md gpu-0",
    ),
    "a name after another flag's value": (
        "devices -n x gpu-0 --snapshot a b",
        "devices -n x gpu-0 --snapshot a --snapshot b",
    ),
    "several files after a positional argument": (
        "explain pod --snapshot a b",
        "explain pod --snapshot a --snapshot b",
    ),
    "equals sign after one letter": ("claims -o=json -n=x", "claims -o json -n x"),
    "equals sign": ("plan --snapshot=a -f b", "plan --snapshot=a -f b"),
}


@pytest.mark.parametrize(("given", "meant"), SPREAD.values(), ids=SPREAD.keys())
def test_a_flag_may_be_followed_by_several_values(given: str, meant: str) -> None:
    assert spread(given.split()) == meant.split()


def test_switches_are_read() -> None:
    assert switches(["A=true", "B=false", "C"]) == {"A": True, "B": False, "C": True}


@pytest.mark.parametrize("text", ["A=maybe", "=true", "A=TRUE"])
def test_a_switch_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CliError, match="NAME=true"):
        switches([text])


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("A", "BB"), [("long cell", "x"), ("y", "z")]).splitlines() == [
        "A           BB",
        "long cell   x",
        "y           z",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        (Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
    ],
    ids=["terminal", "pipe", "NO_COLOR", "dumb terminal"],
)
def test_only_a_terminal_gets_colours(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, environ: dict[str, str], expected: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert colored(stream) is expected


PLAN = "plan -f examples/dra-task-page.yaml --snapshot examples/inventory"
SIZING = "plan -f examples/workloads/four-gpus.yaml --nodes-needed --snapshot examples/inventory"
REFUSED: dict[str, tuple[str, str]] = {
    "a time limit of no wait": (f"{PLAN} --timeout 5s", "--timeout requires --wait"),
    "a quantile of no trace": (f"{PLAN} --quantile 0.5", "--quantile requires --trace"),
    "a recording without a file": (
        "snapshot --for 5s --snapshot examples/inventory",
        "--for requires --trace",
    ),
    "an interval of no moves": (
        "repack --pending --interval 5s --snapshot examples/inventory",
        "--interval requires --apply",
    ),
    "an empty policy": (f"{PLAN} --policy=", "Invalid value for '--policy': must not be empty"),
    "an empty version": (f"{PLAN} --kubernetes-version=", "'--kubernetes-version': must not be empty"),
    "no group": ("top --by ,, --snapshot examples/inventory", "--by names no group"),
    "a price that is no number": (f"{SIZING} --like worker-1=nan", "the price must be a finite number"),
    "a price out of range": (f"{SIZING} --like worker-1=1e12", "--like, price: "),
    "a node that is not there to copy": (f"{SIZING} --like nope", "--like"),
    "a claim of two namespaces": (f"{PLAN} --remove-claim a/b/c", "--remove-claim 'a/b/c' is not"),
    "a claim that is not there": (
        f"{PLAN} --remove-claim nope",
        "--remove or --remove-claim, name: ResourceClaim default/nope not found",
    ),
    "a fragmentation that is no number": (
        "repack --fragmentation-below nan --snapshot examples/inventory",
        "must be a finite number",
    ),
}


@pytest.mark.parametrize(("line", "message"), REFUSED.values(), ids=REFUSED)
def test_options_that_would_be_ignored_or_are_wrong_are_named(cli: "Cli", line: str, message: str) -> None:
    ran = cli(*line.split(" "))
    assert ran.code == 2
    assert message in ran.err


def test_rules_of_a_version_that_is_not_known_are_named(cli: "Cli") -> None:
    text = f"Kubernetes 1.99 is not known: the rules of {NEWEST} are used"
    assert text in cli(*PLAN.split(" "), "--kubernetes-version", "1.99").err
    assert "is not known" not in cli(*PLAN.split(" "), "--kubernetes-version", str(NEWEST)).err
