"""Claims and templates that a controller creates for a custom resource, and that no file contains.

NVIDIA's ComputeDomain is such a resource: its controller creates the ResourceClaimTemplate named in
``spec.channel.resourceClaimTemplate.name``, and Pods refer to it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.core.model.pod_templates import MAX_SEARCHED, Path
from app.core.model.workload_kinds import group_of
from app.core.pauses import FEW, pause

_KINDS = {"resourceClaimTemplate": "ResourceClaimTemplate", "resourceClaim": "ResourceClaim"}
_SPEC_OF_CLAIM = "claimCreationSpec"
_KUBERNETES = "k8s.io"


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated claim or template, and its owner."""

    kind: str
    namespace: str
    name: str
    owner: str

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return (self.namespace, self.name)


def generated_by(raw: Any, namespace: str = "default") -> Iterator[Generated]:
    """The objects that the controller of a custom resource creates: a field named after the kind contains
    the name.

    Args:
        namespace: of an object that has none itself.
    Cost: O(values of the object), at most ``MAX_SEARCHED``.
    """
    if not isinstance(raw, Mapping) or not _is_custom(raw):
        return
    meta = raw.get("metadata")
    meta = meta if isinstance(meta, Mapping) else {}
    own = str(meta.get("namespace") or namespace)
    owner = f"{raw.get('kind')} {own}/{meta.get('name')}"
    stack = [raw.get("spec")]
    searched = 0
    while stack and searched < MAX_SEARCHED:
        searched += 1
        if not searched % FEW:
            pause()
        value = stack.pop()
        if isinstance(value, list):
            stack += value[:MAX_SEARCHED]
        elif isinstance(value, Mapping):
            stack += islice(value.values(), MAX_SEARCHED)
            for field, kind in _KINDS.items():
                made = value.get(field)
                name = made.get("name") if isinstance(made, Mapping) else None
                if isinstance(name, str) and name:
                    yield Generated(kind, own, name, owner)


def requests_of_controller(raw: Any, pod_specs: Collection[Path]) -> Path:
    """Where a custom resource requests devices itself, outside its Pod specs; empty if it does not.

    Its controller makes claims of such requests and adds them to its Pods, as Grove does of
    ``resourceClaimTemplates``, and the NIM operator of ``claimCreationSpec``. Returns the path of the
    outermost list with the first of them. Cost: O(values of the object), at most ``MAX_SEARCHED``.
    """
    if not isinstance(raw, Mapping) or not _is_custom(raw):
        return ()
    stack: list[tuple[Path, Any]] = [(("spec",), raw.get("spec"))]
    searched = 0
    while stack and searched < MAX_SEARCHED:
        searched += 1
        if not searched % FEW:
            pause()
        path, value = stack.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("deviceClassName"), str) or _SPEC_OF_CLAIM in value:
                listed = next((at for at, part in enumerate(path) if isinstance(part, int)), len(path))
                return path[:listed]
            names = list(islice(value, MAX_SEARCHED))
            stack += [
                ((*path, name), value[name]) for name in reversed(names) if (*path, name) not in pod_specs
            ]
        elif isinstance(value, list):
            stack += [
                ((*path, index), value[index]) for index in reversed(range(min(len(value), MAX_SEARCHED)))
            ]
    return ()


def _is_custom(raw: Mapping[str, Any]) -> bool:
    group = group_of(raw)
    return "." in group and not (group == _KUBERNETES or group.endswith(f".{_KUBERNETES}"))
