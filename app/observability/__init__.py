"""Metrics, logs and traces. Names of Pods, claims and nodes are never labels; secrets are never logged."""
