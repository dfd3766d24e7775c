"""Selects Pods to evict so that another one gets its devices.

A plan contains only victims whose eviction the allocator has confirmed to help, and violates no budget.
"""
