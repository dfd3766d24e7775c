"""Events (events.k8s.io/v1) on Pods and claims.

Their rate is limited, and a failed write never fails its caller.
"""
