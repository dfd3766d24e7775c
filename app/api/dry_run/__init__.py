"""Shared parts of dry runs: the cluster to evaluate, the objects laid over it, and results as JSON.

Dry runs work on a fork of the state and never write.
"""
