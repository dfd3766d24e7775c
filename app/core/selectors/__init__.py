"""CEL over a device: selectors and derived attributes, compiled and kept (KEP-4381).

The verdicts are those of k8s.io/dynamic-resource-allocation/cel v0.37: see docs/cel.md. ``matcher`` makes
one Python function of what selectors usually are, ``app.core.cel`` evaluates all else; what an API
server checks besides is in ``admission``.
"""

from app.core.cel.common.errors import CelCompileError, CelError, CelRuntimeError
from app.core.selectors.cache import SelectorCache
from app.core.selectors.environment import CelFeatures, cel_features
from app.core.selectors.selector import DerivedAttribute, Selector, compile_derived, compile_selector

__all__ = [
    "CelCompileError",
    "CelError",
    "CelFeatures",
    "CelRuntimeError",
    "DerivedAttribute",
    "Selector",
    "SelectorCache",
    "cel_features",
    "compile_derived",
    "compile_selector",
]
