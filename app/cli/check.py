"""``check``: finds mistakes in manifests."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from app.cli import options
from app.cli.output import formats
from app.cli.output.formats import OutputFormat
from app.cli.problems import Exit, InputError
from app.cli.source import Source
from app.cli.talk import counted, out, say, write

if TYPE_CHECKING:
    from app.cli.inventory_names import Names
    from app.cli.located import Finding, Located, Path
    from app.core.model.features import Features
    from app.core.selectors import CelFeatures, SelectorCache
    from app.core.versions.cluster_version import ClusterVersion

_SARIF, _JUNIT = "sarif", "junit"


@dataclass(frozen=True, slots=True)
class _Rules:
    """The API server to check for: its minor version, and the features that are on."""

    minor: str
    features: "Features"

    @property
    def cel(self) -> "CelFeatures":
        from app.core.selectors import cel_features  # noqa: PLC0415 - --help must be quick

        return cel_features(self.features)


@click.command()
@options.files
@options.inventory
@options.namespace_of_inventory
@click.option(
    "-o",
    "--output",
    type=OutputFormat(options.TABLE, options.WIDE, options.JSON, formats.YAML, formats.NAME, _SARIF, _JUNIT),
    default=options.TABLE,
    show_default=True,
    help="Output format; sarif and junit are reports for code hosts.",
)
@click.option(
    "--feature",
    multiple=True,
    metavar="NAME=true|false",
    help="Feature gate DRA... of the cluster that is not as its version has it, such as "
    "ListTypeAttributes=true. Repeatable.",
)
@options.generated
@options.kubernetes_version
@click.option("-q", "--quiet", is_flag=True, help="Print nothing, only return the exit code.")
def check(
    *,
    paths: tuple[str, ...],
    source: Source,
    namespace: str,
    output: str,
    feature: tuple[str, ...],
    generated: tuple[str, ...],
    kubernetes_version: str,
    quiet: bool,
) -> int:
    """Find mistakes in manifests.

    Checks fields, CEL, and the API server's validation. With an inventory (--snapshot, or a cluster by
    --kubeconfig or --context) also checks that classes, claims, templates and attributes exist, and that
    the inventory has enough devices for each claim. Prints `file:line: message`, with -o wide
    `file:line:column: message`. Exit code 0: clean, 1: findings, 2: usage.
    """
    from app.cli.cluster_objects import read_inventory  # noqa: PLC0415 - --help must be quick
    from app.cli.inventory_names import names_of  # noqa: PLC0415 - as above
    from app.cli.located import read_located  # noqa: PLC0415 - as above
    from app.cli.workloads import generated_names, in_namespace  # noqa: PLC0415 - as above
    from app.core.selectors import SelectorCache  # noqa: PLC0415 - as above

    switches = _switches(feature)
    found = read_inventory(source) if source.given else None
    inventory = found.objects if found is not None else None
    rules = _rules(kubernetes_version, found.version if found is not None else None, switches)
    objects, findings = read_located(paths)
    own = [in_namespace(item.raw, namespace) for item in objects]
    if not objects and not findings:
        raise InputError(f"nothing to check in {', '.join(paths)}")
    made = generated_names(generated, namespace)
    names = names_of([*own, *(inventory or ())], complete=inventory is not None, generated=made)
    for item, raw in zip(objects, own, strict=True):
        findings += _findings(item, raw, names, rules)
    if inventory is not None:
        findings += _impossible(objects, own, inventory, SelectorCache(), rules.features)
    findings = sorted(
        set(findings), key=lambda finding: (finding.source, finding.line, finding.column, finding.message)
    )
    if not quiet:
        if output in (_SARIF, _JUNIT):
            _report(findings, objects, output)
        else:
            _print(findings, output)
        unknown, lacking = _unseen(own, rules.minor)
        if unknown:
            say(f"ignored, unknown kind without a Pod template: {', '.join(unknown)}")
        if lacking:
            say(f"ignored, without a Pod template: {', '.join(lacking)}")
        for text in _ends(own, rules.minor):
            say(text)
        say(_verdict(len(findings), len(objects), complete=names.complete))
    return Exit.NO if findings else Exit.OK


def _switches(texts: tuple[str, ...]) -> dict[str, bool]:
    """Raises: InputError."""
    from app.manifests.validation.gated_fields import SWITCHES  # noqa: PLC0415 - as in check

    switches = options.switches(texts)
    for name in switches:
        if name not in SWITCHES:
            text = f"check does not depend on the feature {name!r}"
            raise InputError(text, f"only on {', '.join(SWITCHES)}")
    return switches


def _rules(text: str, found: "ClusterVersion | None", switches: dict[str, bool]) -> _Rules:
    """For the version of the flag, else for what the cluster or the snapshot is. Raises: InputError."""
    from app.core.model.features import Features  # noqa: PLC0415 - as in check
    from app.core.versions import OLDEST, VersionError, version_named  # noqa: PLC0415 - as in check
    from app.manifests.validation.api_table import NEWEST, api_table, minor_of  # noqa: PLC0415 - as in check

    minor = minor_of(text) if text else str(found.version) if found is not None else NEWEST
    if minor is None:
        first, *_, last = api_table().versions
        raise InputError(
            f"--kubernetes-version {text!r} is not one of {first} to {last}", "write it like 1.34"
        )
    try:
        version = version_named(minor)
    except VersionError:
        version = OLDEST
    gates = found.gates if found is not None and found.version is version else None
    return _Rules(minor, Features.of(version, gates).switched(switches))


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


def _report(findings: "list[Finding]", objects: "list[Located]", output: str) -> None:
    from datetime import datetime  # noqa: PLC0415 - as in check
    from importlib.metadata import version  # noqa: PLC0415 - as in check

    from app.cli.output.reports import TOOL, Checked, SourcePosition, junit, sarif  # noqa: PLC0415 - as in check
    from app.cli.printing import json_text  # noqa: PLC0415 - as in check
    from app.core.model.parse import ref_of  # noqa: PLC0415 - as in check

    places = [SourcePosition(item.source, item.line, item.column, item.message) for item in findings]
    if output == _SARIF:
        out(json_text(sarif(places, version(TOOL))))
        return
    checked = [
        Checked(item.source, item.line(()), str(ref_of(item.raw)))
        for item in objects
        if isinstance(item.raw, dict)
    ]
    now = datetime.now().astimezone()
    write(junit(places, checked, now.strftime("%Y-%m-%dT%H:%M:%S")))


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


def _unseen(own: list[Any], minor: str) -> tuple[list[str], list[str]]:
    """Objects without a Pod template and without other findings: of unknown kinds, and of known ones."""
    from app.cli.kinds import is_kubernetes, kind_problems, without_template  # noqa: PLC0415 - as in check
    from app.core.model.generated import generated_by  # noqa: PLC0415 - as in check
    from app.core.model.parse import is_read, ref_of  # noqa: PLC0415 - as in check
    from app.core.model.workload_kinds import rules_of  # noqa: PLC0415 - as in check

    found = [
        raw
        for raw in own
        if not is_read(raw)
        and not is_kubernetes(raw)
        and not any((*generated_by(raw), *kind_problems(raw, minor)))
    ]
    unknown = [str(ref_of(raw)) for raw in found if not rules_of(raw)]
    return unknown, [without_template(raw) for raw in found if rules_of(raw)]


def _findings(item: "Located", raw: object, names: "Names", checked: "_Rules") -> Iterator["Finding"]:
    from app.cli import rules  # noqa: PLC0415 - as in check
    from app.cli.kinds import kind_problems  # noqa: PLC0415 - as in check
    from app.cli.located import Finding, path_of  # noqa: PLC0415 - as in check
    from app.core.model.errors import path_text  # noqa: PLC0415 - as in check
    from app.core.model.parse import is_read  # noqa: PLC0415 - as in check

    text = rules.no_object(raw)
    if text or not isinstance(raw, dict):
        line, column = item.place(("metadata", "name"))
        yield Finding(item.source, line, text, column)
        return
    kinds = list(kind_problems(raw, checked.minor))
    checks = [iter(kinds)]
    if is_read(raw):
        for where, message in rules.unreadable(raw):
            if path_of(where) not in dict(kinds):  # an apiVersion is unreadable for one reason
                line, column = item.place(path_of(where))
                yield Finding(item.source, line, rules.cause(raw, path_of(where), message), column)
        checks += _checks(raw, names, checked)
    for problems in checks:
        for path, message in problems:
            line, column = item.place(path)
            text = rules.cause(raw, path, f"{path_text(path)}: {message}")
            yield Finding(item.source, line, text, column)
    for places in (rules.cel_errors(raw, checked.cel), rules.cel_slips(raw)):
        for path, row, offset, message in places:
            line, column = item.text_place(path, row, offset)
            yield Finding(item.source, line, f"{path_text(path)}: {message}", column)


def _checks(raw: dict[str, Any], names: "Names", checked: _Rules) -> list[Iterator[tuple["Path", str]]]:
    from app.cli import rules  # noqa: PLC0415 - as in check
    from app.cli.policy_rule import policy_names  # noqa: PLC0415 - as in check
    from app.manifests.validation.api_rules import (  # noqa: PLC0415 - as in check
        admin_rules,
        claim_rules,
        class_rules,
        name_rules,
        number_rules,
        slice_rules,
        taint_rules,
    )
    from app.manifests.validation.gated_fields import gated_fields  # noqa: PLC0415 - as in check
    from app.manifests.validation.pod_validation import pod_validation  # noqa: PLC0415 - as in check
    from app.manifests.validation.schema import unknown_fields  # noqa: PLC0415 - as in check

    checks = [
        rules.defects(raw),
        name_rules(raw),
        unknown_fields(raw, checked.minor),
        claim_rules(raw, checked.minor),
        number_rules(raw),
        admin_rules(raw, names.labels, checked.features.version.admin_access_label),
        class_rules(raw),
        slice_rules(raw, checked.minor),
        taint_rules(raw, checked.minor),
        rules.pod_rules(raw, names),
        pod_validation(raw),
        policy_names(raw),
    ]
    if checked.minor == checked.features.version.name:  # older ones do not have these fields
        checks.append(gated_fields(raw, checked.features))
    return [*checks, rules.references(raw, names)] if names.complete else checks


def _ends(own: list[Any], minor: str) -> Iterator[str]:
    """The versions of resource.k8s.io among the objects that a later Kubernetes does not serve."""
    from app.core.model.versions import GROUP  # noqa: PLC0415 - as in check
    from app.core.versions import API_ENDS  # noqa: PLC0415 - as in check

    written = [raw.get("apiVersion") for raw in own if isinstance(raw, dict)]
    for version, end in API_ENDS.items():
        count = written.count(f"{GROUP}/{version}")
        if count and int(minor.split(".")[1]) < int(end.split(".")[1]):
            verb = "is" if count == 1 else "are"
            yield (
                f"{counted(count, 'object')} {verb} in {GROUP}/{version}, which Kubernetes {end} and later "
                "do not serve: dra-extender convert"
            )


def _verdict(findings: int, objects: int, *, complete: bool) -> str:
    checked = f"{objects} object{'s' if objects != 1 else ''}"
    found = f"{findings} finding{'s' if findings != 1 else ''}" if findings else "no findings"
    hint = "" if complete else "; use --snapshot or --kubeconfig to also look up classes and attributes"
    return f"{checked}, {found}{hint}"
