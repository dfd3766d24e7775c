"""How the environment of CEL expressions about devices differs between versions.

Read from cel/compile.go of k8s.io/dynamic-resource-allocation and pkg/cel/environment/base.go of
k8s.io/apiserver, and compared with the environments that they make (``tests/oracle``).
"""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class CelRules:
    """The switches of one version.

    ``missing`` are the overloads that do not exist, and ``missing_new`` those that do not exist for
    expressions that are being written. ``attributes``: when an attribute can be a list to the checker:
    never, with the gate DRAListTypeAttributes, or with the gate or where expressions are stored.
    ``includes``: the same for the function includes(), or always. ``lists_need_gate``: with the gate off,
    every expression fails on a device that has an attribute with a list. ``lazy``: an attribute without a
    valid value fails the expressions that read it; otherwise every one on that device.
    ``unwraps_result``: a google.protobuf.BoolValue is a bool. ``estimated_before``: the overloads whose
    cost is estimated as cel-go did until 0.26. ``sized_parts``: the estimate knows the sizes of types and of
    parts of URLs. ``quoted_fields``: a name in back quotes is a field. ``lenient_or``: or() and orValue() of
    a value that is not optional are the value; otherwise they fail. ``list_message``: ``list{}`` is an empty
    list. ``knows_sharing``: there is the field allowMultipleAllocations. ``variants`` are other results of
    functions: ``exact differences`` of quantities, and ``more colons`` in the host of a URL, which Go takes
    until 1.25 (GODEBUG urlstrictcolons).
    """

    missing: frozenset[str] = frozenset()
    missing_new: frozenset[str] = frozenset()
    attributes: Literal["never", "gate", "stored"] = "stored"
    includes: Literal["never", "stored", "always"] = "stored"
    lists_need_gate: bool = False
    lazy: bool = False
    unwraps_result: bool = True
    estimated_before: frozenset[str] = frozenset()
    sized_parts: bool = False
    quoted_fields: bool = True
    lenient_or: bool = False
    list_message: bool = True
    knows_sharing: bool = True
    variants: frozenset[str] = frozenset()


_KEYS = (
    "bool",
    "bytes",
    "double",
    "google.protobuf.Duration",
    "google.protobuf.Timestamp",
    "int",
    "string",
    "uint",
)
_LISTS = frozenset(
    {
        "list_distinct",
        "list_flatten",
        "list_flatten_int",
        "list_reverse",
        "list_slice",
        "lists_range",
        *(f"list_{key}_sort" for key in _KEYS),
        *(f"list_{key}_sortByAssociatedKeys" for key in _KEYS),
    }
)
"""ext.Lists of cel-go, since 1.34."""
_NORMALIZED = frozenset({"string_bool_to_semver", "is_semver_string_bool"})
"""semver() and isSemver() with a second argument, since 1.33."""

CEL_1_38 = CelRules(includes="always", lazy=True, sized_parts=True, variants=frozenset({"exact differences"}))
CEL_1_37 = CelRules()
CEL_1_36 = CelRules(
    attributes="gate",
    lists_need_gate=True,
    unwraps_result=False,
    estimated_before=frozenset({"matches", "list_includes_dyn_dyn"}),
    quoted_fields=False,
    lenient_or=True,
    list_message=False,
)
CEL_1_35 = replace(CEL_1_36, attributes="never", includes="never", variants=frozenset({"more colons"}))
CEL_1_34 = replace(CEL_1_35, missing_new=_LISTS)
CEL_1_33 = replace(CEL_1_34, missing=_LISTS, missing_new=_LISTS | _NORMALIZED, knows_sharing=False)
