"""What an expression may cost at most, before it has run: the API server's bound on what it stores.

The estimate is that of cel-go v0.29 (checker/cost.go, ext/lists.go, ext/sets.go) with Kubernetes' own
functions (apiserver pkg/cel/library/cost.go) and the sizes that a device can have
(dynamic-resource-allocation cel/compile.go), its overflows included. kube-scheduler does not ask for it:
``app.core.selectors.admission`` uses it for what has not been through an API server.
"""

from app.core.cel.estimate.estimator import Estimator

__all__ = ["Estimator"]
