"""The estimated cost of an expression, before it runs: the API server's bound for stored expressions.

The estimate is that of cel-go v0.29 (checker/cost.go, ext/lists.go, ext/sets.go) with Kubernetes' own
functions (apiserver pkg/cel/library/cost.go), its overflows included. kube-scheduler does not ask for it.
"""

from app.core.cel.estimate.estimator import Estimator
from app.core.cel.estimate.paths import Declared

__all__ = ["Declared", "Estimator"]
