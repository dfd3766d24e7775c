"""The environment of expressions about a device.

Two environments exist in Kubernetes: for expressions that are stored already (kube-scheduler's; every
feature gate counts as on there), and for those that are being written (the API server's, as far as the
gates and the oldest supported version allow). Source: cel/compile.go of
k8s.io/dynamic-resource-allocation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from app.core import cel
from app.core.cel import Environment, Type, types
from app.core.cel.common.declarations import Overload, functions
from app.core.model.features import Features
from app.core.versions import DEFAULT
from app.core.versions.cel_rules import CelRules

DEVICE = Type(types.STRUCT, "kubernetes.DRADevice")
_SCALARS = (types.BOOL, types.INT, types.STRING, types.ANYTHING, types.DYNAMIC, types.SEMVER)


@dataclass(frozen=True, slots=True)
class CelFeatures:
    """What depends on feature gates and the caller in the environment. Hashable: caches key by it.

    kube-scheduler evaluates with the environment of stored expressions, where every gate counts as
    on; so does this by default. ``new_expressions`` is what the API server checks objects with when
    they are written: only there do the two gates matter (DRAListTypeAttributes and
    DRAConsumableCapacity; 1.37 has the second one on).
    """

    list_type_attributes: bool = False
    consumable_capacity: bool = True
    new_expressions: bool = False
    rules: CelRules = DEFAULT.cel

    @property
    def lists(self) -> bool:
        """Whether the value of an attribute may be a list."""
        by_gate = self.list_type_attributes and self.rules.attributes != "never"
        return by_gate or (self.rules.attributes == "stored" and not self.new_expressions)

    @property
    def includes(self) -> bool:
        """Whether there is the function includes()."""
        if self.rules.includes == "stored":
            return self.list_type_attributes or not self.new_expressions
        return self.rules.includes == "always"

    @property
    def missing(self) -> frozenset[str]:
        """The overloads that do not exist in the version."""
        return self.rules.missing_new if self.new_expressions else self.rules.missing


def cel_features(features: Features) -> CelFeatures:
    """The environment of expressions that are stored in a cluster with these features."""
    return CelFeatures(
        list_type_attributes=features.list_type_attributes,
        consumable_capacity=features.consumable_capacity,
        rules=features.version.cel,
    )


@lru_cache(maxsize=16)
def environment(features: CelFeatures, *, derived: bool = False) -> Environment:
    """The environment of selectors with these features; ``derived``: of derived attributes."""
    attribute = types.DYNAMIC if features.lists else types.ANYTHING

    def refusal(result: Type) -> str | None:
        if features.rules.unwraps_result:
            result = types.plain(result)
        if derived:
            return _derived_refusal(result, features)
        if result in (types.BOOL, attribute):
            return None
        return f"must evaluate to bool or the unknown type, not {result}"

    return Environment(
        {"device": DEVICE},
        {DEVICE.name: _fields(attribute, features)},
        _functions(features),
        refusal,
        quoted_fields=features.rules.quoted_fields,
        lenient_or=features.rules.lenient_or,
        list_message=features.rules.list_message,
        variants=features.rules.variants,
    )


def compile_expression(text: str, features: CelFeatures, *, derived: bool = False) -> cel.Program:
    """Compiles an expression about a device: a selector, or a derived attribute.

    Raises:
        CelCompileError: what is wrong, with its line and column.
    """
    return cel.compile(text, environment(features, derived=derived))


def _fields(attribute: Type, features: CelFeatures) -> dict[str, Type]:
    fields = {
        "driver": types.STRING,
        "attributes": types.map_of(types.STRING, types.map_of(types.STRING, attribute)),
        "capacity": types.map_of(types.STRING, types.map_of(types.STRING, types.QUANTITY)),
    }
    if features.rules.knows_sharing and (features.consumable_capacity or not features.new_expressions):
        fields["allowMultipleAllocations"] = types.BOOL
    return fields


def _functions(features: CelFeatures) -> Mapping[str, tuple[Overload, ...]]:
    known = functions()
    if features.new_expressions:
        known = known | {name: _lists_first(known[name]) for name in ("indexOf", "lastIndexOf")}
    if not features.includes:
        known = {name: group for name, group in known.items() if name != "includes"}
    if not features.missing:
        return known
    left = {
        name: tuple(overload for overload in group if overload.id not in features.missing)
        for name, group in known.items()
    }
    return {name: group for name, group in left.items() if group}


def _lists_first(group: tuple[Overload, ...]) -> tuple[Overload, ...]:
    """The order of the oldest version that an API server serves: 1.37 declares these a second time."""
    return tuple(sorted(group, key=lambda overload: overload.args[0].kind != types.LIST))


def _derived_refusal(result: Type, features: CelFeatures) -> str | None:
    if result in _SCALARS or (features.lists and result.kind == types.LIST and result.params[0] in _SCALARS):
        return None
    shown = "a primitive scalar (string, integer, boolean, semver)"
    return f"must evaluate to {shown}{' or a list of these scalars' if features.lists else ''}, not {result}"
