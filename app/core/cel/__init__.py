"""Kubernetes' CEL dialect for Dynamic Resource Allocation, compiled (KEP-4381).

The verdicts are those of k8s.io/dynamic-resource-allocation/cel v0.37 with cel-go v0.29: see docs/cel.md.
Text is parsed and type-checked (``parser``, ``checker``, ``validate``) into a tree; the ``interpreter``
evaluates any tree with cel-go's costs and errors. What an API server asks besides is in ``admission``.
"""

from app.core.cel.cache import SelectorCache
from app.core.cel.environment import CelFeatures
from app.core.cel.errors import CelCompileError, CelError, CelRuntimeError
from app.core.cel.selector import DerivedAttribute, Selector, compile_derived, compile_selector

__all__ = [
    "CelCompileError",
    "CelError",
    "CelFeatures",
    "CelRuntimeError",
    "DerivedAttribute",
    "Selector",
    "SelectorCache",
    "compile_derived",
    "compile_selector",
]
