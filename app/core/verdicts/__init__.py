"""Verdicts kept from Pod to Pod: cache, equivalence classes of nodes, filter results.

A kept verdict always equals a new one; what a verdict depends on is in its key or in the node's signature.
"""
