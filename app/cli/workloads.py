"""Reads files for a dry run: workloads to place, and objects of the inventory."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.cli.inventory_names import names_of
from app.cli.kinds import is_kubernetes, without_template
from app.cli.located import Located, path_of, read_located
from app.cli.problems import InputError
from app.cli.rules import cause, no_object
from app.cli.talk import say
from app.core.model.admin_access import is_namespace
from app.core.model.errors import ObjectError, ObjectRef, path_text
from app.core.model.generated import Generated, generated_by
from app.core.model.parse import Object, has_name, is_namespaced, is_read, is_to_be_placed, parse, ref_of
from app.core.model.workload import Workload
from app.core.model.workload_kinds import rules_of
from app.core.versions import VERSIONS, VersionError, version_named
from app.manifests.validation.api_rules import admin_rules
from app.manifests.validation.api_table import NEWEST, minor_of
from app.manifests.validation.schema import Problems, misspelt_dra_fields
from app.manifests.validation.unseen import refusals

TEMPLATE = "ResourceClaimTemplate"


@dataclass(frozen=True, slots=True)
class DryRunInput:
    """The input of a dry run from files.

    ``unseen`` are objects without a Pod template, by kind, which may create Pods, and ``uncounted`` workloads
    whose controllers add claims to their Pods.
    """

    workloads: list[Any]
    objects: list[Any]
    unseen: Counter[str]
    uncounted: list[Any]

    @property
    def complete(self) -> bool:
        """Whether the answer is about all Pods and devices of the files."""
        return not self.unseen and not self.uncounted


def read_dry_run_input(paths: Sequence[str], namespace: str, kubernetes_version: str = "") -> DryRunInput:
    """The workloads to place and the other objects. Names ignored kinds on stderr.

    Args:
        kubernetes_version: whose API server would refuse an object; without one, all of them.
    Raises:
        InputError: a file cannot be read, an API server would refuse an object of it, or there is
            nothing to place.
    """
    located, broken = read_located(paths)
    if broken:
        raise InputError(str(broken[0]))
    own = [in_namespace(item.raw, namespace) for item in located]
    labels = names_of(own, complete=False).labels
    admin_labels = _admin_labels(kubernetes_version)
    files = DryRunInput([], [], Counter(), [])
    ignored: list[Any] = []
    places = dict[ObjectRef, str]()
    for item, raw in zip(located, own, strict=True):
        if text := no_object(raw):
            raise InputError(f"{item.source}:{item.line(('metadata', 'name'))}: {text}")
        if is_read(raw):
            minor = minor_of(kubernetes_version) or NEWEST
            # A misspelt field comes first: that another one is missing is the consequence.
            _must_be_accepted(
                item, raw, misspelt_dra_fields(raw, minor) if is_to_be_placed(raw) else iter(())
            )
            read = _must_be_right(item, raw, labels, admin_labels)
            _must_be_accepted(item, raw, refusals(raw))
            if _uncounted(read):
                files.uncounted.append(raw)
            if is_to_be_placed(raw):
                _must_be_new(item, raw, places)
                files.workloads.append(raw)
            else:
                files.objects.append(raw)
        elif next(generated_by(raw), None) is not None or is_namespace(raw):
            files.objects.append(raw)
        else:
            ignored.append(raw)
    files.unseen.update(_named(raw) for raw in ignored if not is_kubernetes(raw))
    _say_ignored(ignored)
    if not files.workloads:
        hint = "add a Pod, or an object with a Pod template"
        raise InputError(f"nothing to place in {', '.join(paths)}", hint)
    return files


def _admin_labels(kubernetes_version: str) -> tuple[str, ...]:
    """The labels that allow adminAccess in a namespace, of one version or of all, the newest last.

    Raises: InputError.
    """
    if not kubernetes_version:
        return tuple(dict.fromkeys(version.admin_access_label for version in VERSIONS))
    try:
        return (version_named(kubernetes_version).admin_access_label,)
    except VersionError as error:
        raise InputError(f"--kubernetes-version: {error}") from None


def request_fields(files: DryRunInput, generated: Iterable[str], namespace: str) -> dict[str, Any]:
    """The fields of a dry run for the files and for ``--generated``. Raises: InputError."""
    made = [
        {"kind": item.kind, "namespace": item.namespace, "name": item.name}
        for item in generated_names(generated, namespace)
    ]
    return {"workloads": files.workloads, "objects": files.objects, "generated": made}


def generated_names(texts: Iterable[str], namespace: str) -> list[Generated]:
    """The values of ``--generated``: [KIND/][NAMESPACE/]NAME. Raises: InputError."""
    found = []
    for text in texts:
        *front, name = text.split("/")
        kind = front.pop(0) if front and front[0] in ("ResourceClaim", TEMPLATE) else TEMPLATE
        if len(front) > 1 or not name or not all(front):
            raise InputError(f"--generated {text!r} is not [NAMESPACE/]NAME of a ResourceClaimTemplate")
        found.append(Generated(kind, front[0] if front else namespace, name, ""))
    return found


def _must_be_accepted(item: Located, raw: Any, problems: Problems) -> None:
    """Refuses what the API server does not accept: a plan of it would be one of other Pods.

    Raises: InputError.
    """
    for path, message in problems:
        raise InputError(f"{item.source}:{item.line(path)}: {ref_of(raw)}: {path_text(path)}: {message}")


def _must_be_new(item: Located, raw: Any, places: dict[ObjectRef, str]) -> None:
    """Refuses two objects of one name: a cluster has one of them. Raises: InputError."""
    if not has_name(raw):
        return
    ref, place = ref_of(raw), f"{item.source}:{item.line(('metadata', 'name'))}"
    if ref in places:
        raise InputError(f"{place}: {ref} is also at {places[ref]}", "rename one of them")
    places[ref] = place


def _say_ignored(objects: Sequence[Any]) -> None:
    """Names what is not read: kinds that make no Pods, unknown ones, and known ones that lack a template."""
    if passive := Counter(raw["kind"] for raw in objects if is_kubernetes(raw)):
        say(f"creates no Pods: {_counted(passive)}")
    others = [raw for raw in objects if not is_kubernetes(raw)]
    if unknown := Counter(_named(raw) for raw in others if not rules_of(raw)):
        say(f"ignored, unknown kind without a Pod template: {_counted(unknown)}")
    if lacking := [without_template(raw) for raw in others if rules_of(raw)]:
        say(f"ignored, without a Pod template: {', '.join(lacking)}")


def _named(raw: Any) -> str:
    return f"{raw['kind']} ({raw.get('apiVersion')})"


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))


def _uncounted(read: Object) -> bool:
    return isinstance(read, Workload) and bool(read.uncounted)


def _must_be_right(
    item: Located, raw: Any, labels: Mapping[str, Mapping[str, Any]], admin_labels: Collection[str]
) -> Object:
    """The object. The service or the API server would also refuse it, but neither knows the file.

    Raises: InputError.
    """
    try:
        read = parse(raw)
    except ObjectError as error:
        path = path_of(error.path)
        raise InputError(f"{item.source}:{item.line(path)}: {cause(raw, path, str(error))}") from None
    found = [list(admin_rules(raw, labels, label)) for label in admin_labels]
    for path, message in found[-1] if all(found) else ():
        raise InputError(f"{item.source}:{item.line(path)}: {ref_of(raw)}: {path_text(path)}: {message}")
    return read


def known(objects: Iterable[Any]) -> list[Any]:
    """The objects of kinds that are read here; the others are counted on stderr."""
    kept: list[Any] = []
    skipped: Counter[str] = Counter()
    for item in objects:
        if is_read(item):
            kept.append(item)
        else:
            skipped[item["kind"]] += 1
    if skipped:
        say(f"ignored (not relevant to devices): {_counted(skipped)}")
    return kept


def in_namespace(item: Any, namespace: str) -> Any:
    """The object with a namespace, if its kind has one and it names none itself."""
    if not is_namespaced(item) and next(generated_by(item), None) is None:
        return item
    meta = item.get("metadata")
    if not isinstance(meta, dict) or meta.get("namespace"):
        return item
    return item | {"metadata": meta | {"namespace": namespace}}
