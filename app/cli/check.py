"""``check``: is anything wrong with manifests, and where."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from app.cli import options
from app.cli.problems import Exit, InputError
from app.cli.source import Source
from app.cli.talk import out, say

if TYPE_CHECKING:
    from app.cli.inventory_names import Names
    from app.cli.located import Finding, Located
    from app.core.model.features import Features
    from app.core.selectors import CelFeatures, SelectorCache

_SWITCHED = ("ListTypeAttributes", "ConsumableCapacity")
"""Those that CEL depends on; others are refused, not ignored."""


@click.command()
@options.files
@options.inventory
@options.namespace_of_inventory
@options.output
@click.option(
    "--feature",
    multiple=True,
    metavar="NAME=true|false",
    help="As the cluster's feature gate DRA... is set: ListTypeAttributes (else false) or ConsumableCapacity "
    "(else true); repeatable.",
)
@click.option("-q", "--quiet", is_flag=True, help="Only the exit code.")
def check(
    *,
    paths: tuple[str, ...],
    source: Source,
    namespace: str,
    output: str,
    feature: tuple[str, ...],
    quiet: bool,
) -> int:
    """Find mistakes in manifests.

    Fields, CEL, and what the API server would refuse; with an inventory (--snapshot, or a cluster by
    --kubeconfig or --context) also whether classes, claims, templates and attributes exist, and whether
    there could ever be devices for a claim. Prints `file:line: message`, with -o wide
    `file:line:column: message`. Exit code 0: clean, 1: findings, 2: usage.
    """
    from app.cli.cluster_objects import inventory_objects  # noqa: PLC0415 - --help must be quick
    from app.cli.inventory_names import names_of  # noqa: PLC0415 - as above
    from app.cli.located import read_located  # noqa: PLC0415 - as above
    from app.cli.workloads import in_namespace  # noqa: PLC0415 - as above
    from app.core.selectors import SelectorCache, cel_features  # noqa: PLC0415 - as above

    features = _features(feature)
    inventory = inventory_objects(source) if source.given else None
    objects, findings = read_located(paths)
    own = [in_namespace(item.raw, namespace) for item in objects]
    if not objects and not findings:
        raise InputError(f"nothing to check in {', '.join(paths)}")
    names = names_of([*own, *(inventory or ())], complete=inventory is not None)
    for item, raw in zip(objects, own, strict=True):
        findings += _findings(item, raw, names, cel_features(features))
    if inventory is not None:
        findings += _impossible(objects, own, inventory, SelectorCache(), features)
    findings = sorted(
        set(findings), key=lambda finding: (finding.source, finding.line, finding.column, finding.message)
    )
    if not quiet:
        _print(findings, output)
        say(_verdict(len(findings), len(objects), complete=names.complete))
    return Exit.NO if findings else Exit.OK


def _features(texts: tuple[str, ...]) -> "Features":
    """The features of a cluster with these switches. Raises: InputError."""
    from app.core.model.features import Features  # noqa: PLC0415 - as in check

    switches = options.switches(texts)
    for name in switches:
        if name not in _SWITCHED:
            text = f"check does not go by the feature {name!r}"
            raise InputError(text, f"only by {' and '.join(_SWITCHED)}")
    return Features().switched(switches)


def _print(findings: "list[Finding]", output: str) -> None:
    from app.cli.printing import print_data  # noqa: PLC0415 - as in check

    if output in (options.TABLE, options.WIDE):
        for finding in findings:
            out(finding.wide if output == options.WIDE else str(finding))
        return
    items = [
        {"file": item.source, "line": item.line, "column": item.column, "message": item.message}
        for item in findings
    ]
    print_data(items, output, dict.fromkeys(item.source for item in findings))


def _impossible(
    objects: "list[Located]",
    own: list[Any],
    inventory: list[Any],
    selectors: "SelectorCache",
    features: "Features",
) -> "Iterator[Finding]":
    from app.cli.located import Finding  # noqa: PLC0415 - as in check
    from app.cli.possible import impossible  # noqa: PLC0415 - as in check
    from app.core.model.errors import path_text  # noqa: PLC0415 - as in check

    for index, path, message in impossible(own, inventory, selectors, features):
        line, column = objects[index].place(path)
        yield Finding(objects[index].source, line, f"{path_text(path)}: {message}", column)


def _findings(item: "Located", raw: object, names: "Names", features: "CelFeatures") -> Iterator["Finding"]:
    from app.cli import rules  # noqa: PLC0415 - as in check
    from app.cli.api_rules import claim_rules, class_rules, taint_rules  # noqa: PLC0415 - as in check
    from app.cli.located import Finding, path_of  # noqa: PLC0415 - as in check
    from app.cli.policy_rule import policy_names  # noqa: PLC0415 - as in check
    from app.core.model.errors import path_text  # noqa: PLC0415 - as in check
    from app.core.model.parse import KINDS  # noqa: PLC0415 - as in check

    if isinstance(raw, dict) and isinstance(raw.get("kind"), str) and raw["kind"] not in KINDS:
        return  # a ConfigMap may well stand in the same file
    for text, message in rules.unreadable(raw):
        line, column = item.place(path_of(text))
        yield Finding(item.source, line, message, column)
    if not isinstance(raw, dict):
        return
    checks = [
        rules.defects(raw),
        rules.misspelt(raw),
        claim_rules(raw),
        class_rules(raw),
        taint_rules(raw),
        rules.pod_rules(raw),
        policy_names(raw),
    ]
    if names.complete:
        checks.append(rules.references(raw, names))
    for problems in checks:
        for path, message in problems:
            line, column = item.place(path)
            yield Finding(item.source, line, f"{path_text(path)}: {message}", column)
    for path, row, offset, message in rules.cel_errors(raw, features):
        line, column = item.text_place(path, row, offset)
        yield Finding(item.source, line, f"{path_text(path)}: {message}", column)


def _verdict(findings: int, objects: int, *, complete: bool) -> str:
    counted = f"{objects} object{'s' if objects != 1 else ''}"
    found = f"{findings} finding{'s' if findings != 1 else ''}" if findings else "nothing wrong"
    hint = "" if complete else "; give --snapshot or --kubeconfig to look up classes and attributes too"
    return f"{counted}, {found}{hint}"
