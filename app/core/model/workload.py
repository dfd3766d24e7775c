"""Workloads of any kind: objects that create Pods from Pod templates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.errors import FieldError, path_text
from app.core.model.generated import requests_of_controller
from app.core.model.meta import Meta, read_meta
from app.core.model.pod import Pod, pod_from_spec
from app.core.model.pod_templates import MAX_TEMPLATES, Path, matches, pod_spec_paths, value_at
from app.core.model.workload_kinds import BUILT_IN, GROUPS_WITHOUT_TEMPLATES, PodSetRule, group_of, rules_of

KINDS = frozenset(kind for _, kind in BUILT_IN)
"""Kinds of Kubernetes that create Pods from a template."""
_WRAPPERS = ("spec", "template")
"""How the names of fields end that hold a Pod spec, and say nothing of the Pods."""


@dataclass(frozen=True, slots=True)
class PodSet:
    """Equal Pods of a workload. ``replicas`` is None where there is one Pod a node.

    ``name`` is empty where the workload has one template only. ``path`` leads to the Pod spec.
    ``guessed``: the kind is not known, so the template is taken for one Pod. ``assumption`` is what is not
    known about the number of Pods of a kind that is.
    """

    name: str
    replicas: int | None
    template: Pod
    path: Path
    guessed: bool = False
    assumption: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload and its sets of Pods, at least one.

    ``uncounted`` shows which devices or Pods it gets beside those; empty if there are none.
    """

    kind: str
    meta: Meta
    sets: tuple[PodSet, ...]
    uncounted: str = ""

    @property
    def replicas(self) -> int | None:
        """The number of its Pods; None if it depends on the number of nodes."""
        counts = [item.replicas for item in self.sets]
        return None if None in counts else sum(count for count in counts if count is not None)

    def pods(self, nodes: int, replicas: int | None = None) -> Iterator[Pod]:
        """Its Pods, named after it, its set if it has several, and numbered from 0 in each.

        Args:
            nodes: the number of Pods of a set that has one a node.
            replicas: instead of the numbers of the other sets.
        """
        for item in self.sets:
            count = nodes if item.replicas is None else item.replicas if replicas is None else replicas
            for index in range(count):
                yield self.pod(item, index)

    def pod(self, item: PodSet, index: int) -> Pod:
        """One Pod of a set."""
        stem = self.meta.name or self.meta.generate_name.removesuffix("-")
        name = "-".join(filter(None, (stem, item.name, str(index))))
        made = item.template.meta
        meta = Meta(name, self.meta.namespace, labels=made.labels, annotations=made.annotations)
        return replace(item.template, meta=meta)

    @property
    def guesses(self) -> tuple[str, ...]:
        """What is assumed about it, for a person to judge; empty if all is known."""
        paths = [path_text(item.path) for item in self.sets if item.guessed]
        texts = [f"unknown kind, so {path} is treated as a template of one Pod" for path in paths]
        texts += dict.fromkeys(item.assumption for item in self.sets if item.assumption)
        texts += filter(None, (self.uncounted,))
        name = "/".join(filter(None, (self.meta.namespace, self.meta.name or self.meta.generate_name)))
        return tuple(f"{self.kind} {name}: {text}" for text in texts)


def is_workload(raw: Any) -> bool:
    """Whether an object creates Pods from a template, judged by its kind or its shape.

    A Pod itself is not one. Cost: O(values of the object) for kinds that are not known.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("kind"), str):
        return False
    if (group_of(raw), raw["kind"]) in BUILT_IN:
        return True
    return next(located_templates(raw), None) is not None


@dataclass(frozen=True, slots=True)
class PodSpecPlace:
    """A Pod spec in a workload: its path, the rule that leads to it (or its shape), and the rule's owner."""

    path: Path
    rule: PodSetRule | None = None
    owner: Path = ()


def located_templates(raw: Any) -> Iterator[PodSpecPlace]:
    """The Pod specs of a workload of any kind: by the rules of its kind, then by shape.

    An object embedded in another goes by its own kind. Cost: O(values of the object) for each that is
    taken.
    """
    if isinstance(raw, Mapping) and group_of(raw) in GROUPS_WITHOUT_TEMPLATES:
        return
    covered: set[Path] = set()
    for found in _by_rules(raw, ()):
        covered.add(found.path)
        yield found
    for path in pod_spec_paths(raw):
        if any(path[: len(known)] == known[: len(path)] for known in covered):
            continue  # in a Pod spec that is known, or around it
        owner = next((path[:end] for end in range(1, len(path)) if rules_of(value_at(raw, path[:end]))), None)
        found_here = (
            [PodSpecPlace(path)] if owner is None else list(_by_rules(raw, owner)) or [PodSpecPlace(path)]
        )
        covered |= {found.path for found in found_here}
        yield from found_here


def _by_rules(raw: Any, owner: Path) -> Iterator[PodSpecPlace]:
    source = value_at(raw, owner)
    for rule in rules_of(source):
        for path in matches(source, rule.spec):
            value = value_at(source, path) if rule.only is not None else None
            if rule.only is None or (isinstance(value, dict) and rule.only(value)):
                yield PodSpecPlace((*owner, *path), rule, owner)


def claims_path(raw: Any, found: PodSpecPlace) -> Path:
    """Where the claims of a Pod spec stand: in itself, or where its kind has them instead."""
    own = (*found.path, "resourceClaims")
    if found.rule is None or not found.rule.claims or value_at(raw, own):
        return own
    return (*found.owner, *found.rule.claims.split("."))


def read_workload(kind: str, raw: Any) -> Workload:
    """Reads a workload. Raises: FieldError; it makes no Pods, or a template cannot be read."""
    source = fields.mapping(raw)
    meta = read_meta(raw, namespaced=True, name_required=False)
    if not meta.name and not meta.generate_name:
        raise FieldError("is missing", "metadata", "name")
    found: list[PodSpecPlace] = []
    for item in located_templates(source):
        found.append(item)
        if len(found) > MAX_TEMPLATES:
            raise FieldError(f"contains more than {MAX_TEMPLATES} Pod templates")
    if not found:
        raise without_template(kind, source)
    names = _names(source, found)
    return Workload(
        kind,
        meta,
        tuple(_pod_set(source, item, name, meta.namespace) for item, name in zip(found, names, strict=True)),
        uncounted=_uncounted(source, found),
    )


def _uncounted(source: JsonObject, found: list[PodSpecPlace]) -> str:
    requested = requests_of_controller(source, [item.path for item in found])
    if requested:
        return f"its controller creates claims from {path_text(requested)}, and their devices are not counted"
    created = (
        path
        for item in found
        if item.rule is not None and item.rule.creates
        for path in matches(value_at(source, item.owner), item.rule.creates)
    )
    first = next(created, None)
    if first:
        return f"the objects that it creates from {path_text(first)} are not planned"
    patch = next(_patches(source, found), None)
    return f"its Pods are planned without the changes of {path_text(patch)}" if patch else ""


def _patches(source: JsonObject, found: list[PodSpecPlace]) -> Iterator[Path]:
    """The fields that change the Pods of a workload and are not read."""
    rules = {(item.owner, item.rule): None for item in found if item.rule is not None and item.rule.patches}
    for owner, rule in rules:
        for pattern in rule.patches:
            for path in matches(value_at(source, owner), pattern):
                yield (*owner, *path)


def without_template(kind: str, source: JsonObject) -> FieldError:
    """Of an object in which no Pod template was found: what is missing, as far as its kind is known.

    Names the first field on the way to the template that is missing or has another type. Where several
    templates are possible, it names what is around all of them.
    """
    ends = [_end_of(rule, source) for rule in rules_of(source)]
    if len({path for path, _ in ends}) == 1:
        path, reason = ends[0]
        return FieldError(reason, *path)
    same = zip(*(path for path, _ in ends), strict=False)
    around = tuple(parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, same))
    return FieldError("contains no Pod template" if around else f"a {kind} contains no Pod template", *around)


def _end_of(rule: PodSetRule, source: JsonObject) -> tuple[Path, str]:
    """How far an object has the fields that lead to a Pod template, and what is wrong there."""
    path: Path = ()
    value: Any = source
    for part in rule.spec.split("."):
        if part == "*":
            if not isinstance(value, Mapping | list):
                return path, "must be a list or an object"
            if not value:
                return path, "is empty"
            path = (*path, next(iter(value)) if isinstance(value, Mapping) else 0)
        elif not isinstance(value, Mapping):
            return path, "must be an object"
        else:
            path = (*path, part)
        value = value_at(source, path)
        if value is None:
            return path, "is missing"
    return path, "makes no Pods itself"


def _pod_set(source: JsonObject, found: PodSpecPlace, name: str, namespace: str) -> PodSet:
    spec = value_at(source, found.path)
    wrapped = found.path[-1] == "spec"
    holder = value_at(source, found.path[:-1]) if wrapped and len(found.path) > 1 else {}
    if found.rule is not None and found.rule.view is not None and isinstance(spec, dict):
        outer = value_at(source, found.path[: len(found.owner) + found.rule.inherits.count(".") + 1])
        holder = holder if wrapped else spec
        spec = found.rule.view(spec, outer if isinstance(outer, dict) else {})
    try:
        # Terms about other Pods look in the namespace that the Pods will have: that of the workload.
        meta = replace(read_meta(holder, namespaced=False, name_required=False), namespace=namespace)
        template = pod_from_spec(meta, fields.required({"spec": spec}, "spec", fields.mapping), {})
    except FieldError as error:
        own = wrapped or error.path[:1] != ("spec",)
        outer_path = found.path[:-1] if wrapped else found.path
        raise FieldError(error.reason, *outer_path, *(error.path if own else error.path[1:])) from None
    count, rule = _count(source, found), found.rule
    return PodSet(name, count, template, found.path, rule is None, rule.assumption if rule else "")


def _count(source: JsonObject, found: PodSpecPlace) -> int | None:
    if found.rule is None:
        return 1
    if found.rule.per_node:
        return None
    product = 1
    for pattern, number in found.rule.factors:
        path = found.path[: len(found.owner) + pattern.count(".") + 1]
        try:
            product *= number(fields.mapping(value_at(source, path)))
        except FieldError as error:
            raise error.under(*path) from None
    if found.rule.times is not None:
        product *= found.rule.times(value_at(source, found.owner), found.path[len(found.owner) :])
    return product


def _names(source: JsonObject, found: list[PodSpecPlace]) -> list[str]:
    """A name for each set: short, fit for the name of a Pod, and different from those before."""
    names: list[str] = []
    for item in found:
        name = _name(source, item, alone=len(found) == 1).lower().replace("_", "-").replace(".", "-")
        names.append(f"{name}-{len(names)}" if name in names else name)
    return names


def _name(source: JsonObject, found: PodSpecPlace, *, alone: bool) -> str:
    if found.rule is None:
        return "" if alone else _guessed_name(source, found.path)
    if found.rule.name or "*" not in found.rule.spec:
        return found.rule.name
    own = found.path[len(found.owner) :]
    ends = [end for end, part in enumerate(found.rule.spec.split("."), 1) if part == "*"]
    return "-".join(_called(source, (*found.owner, *own[:end])) for end in ends)


def _guessed_name(source: JsonObject, path: Path) -> str:
    ends = range(len(path), 0, -1)
    end = next((end for end in ends if not str(path[end - 1]).lower().endswith(_WRAPPERS)), len(path))
    return _called(source, path[:end])


def _called(source: JsonObject, path: Path) -> str:
    """What an entry of a map or a list is called: its key, its name, or its position."""
    last = path[-1]
    if isinstance(last, str):
        return last
    item = value_at(source, path)
    names = [item.get(field) for field in ("name", "groupName")] if isinstance(item, Mapping) else []
    return next((name for name in names if isinstance(name, str) and name), str(last))
