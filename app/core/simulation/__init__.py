"""Policies judged: one trace of Pods, placed on one inventory by each of them."""
