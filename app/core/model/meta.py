"""Object metadata."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.model import fields
from app.core.model.errors import FieldError

_MOST_DIGITS = 40


@dataclass(frozen=True, slots=True)
class OwnerReference:
    """The object that a generated object belongs to. ``api_group`` is empty for the core group."""

    kind: str
    name: str
    uid: str
    controller: bool = False
    api_group: str = ""


@dataclass(frozen=True, slots=True)
class Meta:
    """The part of metav1.ObjectMeta that scheduling uses. ``namespace`` is empty if there is none."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generate_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    owners: tuple[OwnerReference, ...] = ()
    created: str | None = None
    deleted: str | None = None
    key: tuple[str, str] = field(init=False, repr=False, compare=False)
    """Namespace and name: unique within a kind."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.namespace, self.name))

    @property
    def version(self) -> int:
        """The resourceVersion as a number: the API server's are, and may be compared (KEP-5504).

        0, so older than any other, for an object from a file, which may come without one or with any text.
        """
        return _number(self.resource_version)

    def is_as_new_as(self, version: str) -> bool:
        """Whether this is that version of the object or a later one."""
        return self.resource_version == version or self.version > _number(version) > 0

    def is_newer(self, other: "Meta") -> bool:
        """Whether this is a later state of the very same object."""
        return self.uid == other.uid and self.version > other.version

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object, if any."""
        return next((owner for owner in self.owners if owner.controller), None)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < _MOST_DIGITS else 0


def read_meta(raw: Any, *, namespaced: bool, name_required: bool = True) -> Meta:
    """Reads ``metadata``; a namespaced object without a namespace is in ``default``, as with kubectl."""
    source = fields.mapping(raw)
    meta = fields.child(source, "metadata")
    try:
        return Meta(
            name=fields.required(meta, "name", fields.text)
            if name_required
            else fields.default(meta, "name", fields.text, ""),
            namespace=(fields.default(meta, "namespace", fields.text, "") or "default") if namespaced else "",
            uid=fields.default(meta, "uid", fields.text, ""),
            resource_version=fields.default(meta, "resourceVersion", fields.text, ""),
            generate_name=fields.default(meta, "generateName", fields.text, ""),
            labels=fields.mapped(meta, "labels", fields.text),
            annotations=fields.mapped(meta, "annotations", fields.text),
            finalizers=fields.listed(meta, "finalizers", fields.text),
            owners=fields.listed(meta, "ownerReferences", _owner),
            created=fields.optional(meta, "creationTimestamp", fields.text),
            deleted=fields.optional(meta, "deletionTimestamp", fields.text),
        )
    except FieldError as error:
        raise error.under("metadata") from None


def _owner(raw: Any) -> OwnerReference:
    source = fields.mapping(raw)
    return OwnerReference(
        kind=fields.default(source, "kind", fields.text, ""),
        name=fields.default(source, "name", fields.text, ""),
        uid=fields.default(source, "uid", fields.text, ""),
        controller=fields.default(source, "controller", fields.boolean, otherwise=False),
        api_group=fields.default(source, "apiVersion", fields.text, "").rpartition("/")[0],
    )
