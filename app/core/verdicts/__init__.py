"""Verdicts kept from Pod to Pod: cache, equivalence classes of nodes, filter results.

A cached verdict always equals a new one; its key or the node's signature contains all that it depends on.
"""
