"""Events (events.k8s.io/v1) on Pods and claims: which are written, with which texts, and how often.

The rate is bounded, and a failed write never fails its caller.
"""
